"""`saving-alerts throttle`."""
