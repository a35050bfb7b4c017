"""`saving-alerts consent`: what an operator does about upstream's consent changes."""
