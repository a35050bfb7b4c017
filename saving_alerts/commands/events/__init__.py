"""`saving-alerts events`: for those upstream who write events."""
