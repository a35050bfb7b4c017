"""One driver of the outside world per module, each behind a port."""
