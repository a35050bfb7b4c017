"""`saving-alerts erase`: forget a user, and say what is left of them where."""
