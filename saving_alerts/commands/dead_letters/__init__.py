"""`saving-alerts dead-letters`: list, show, replay and skip what failed."""
