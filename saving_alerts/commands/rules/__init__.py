"""`saving-alerts rules`: check, preview, publish and roll back a rules file."""
