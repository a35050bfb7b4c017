"""A day of a budget over twelve partitions, with a rebalance every hour, in made time: `python -m tests.budgets`."""
