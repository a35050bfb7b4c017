"""`saving-alerts simulate`: what other rules would have decided about recorded traffic."""
