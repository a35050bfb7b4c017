"""Whether a run was right: every event answered, every push expected."""
