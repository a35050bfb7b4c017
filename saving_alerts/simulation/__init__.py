"""What another rules file would have done with the recorded events."""
