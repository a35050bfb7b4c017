"""`saving-alerts topics`: create the topics and check how they are set."""
