"""Speed and memory, measured in one run, in turn. Never part of a test: machines are noisy."""
