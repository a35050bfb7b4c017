"""Readers of what others write, fuzzed: with hypothesis among the tests, and guided by coverage with `make fuzz`."""
