"""What happens to an event: the four steps and what they return."""
