"""What other rules would have done to the events that are on record."""
