"""One rule set in memory: the rules with their clauses, expressions, rankings and messages, and their evaluation."""
