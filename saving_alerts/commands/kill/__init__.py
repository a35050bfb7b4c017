"""`saving-alerts kill`: stop pushes at once, and let them go again."""
