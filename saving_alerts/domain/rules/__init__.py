"""What a rule decides: its clauses, its expression, its ranking and its message."""
