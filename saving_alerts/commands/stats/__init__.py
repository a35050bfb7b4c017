"""`saving-alerts stats`: the numbers of a worker's page in a terminal."""
