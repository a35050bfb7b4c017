"""Whether a worker lives and is ready, and what ends it when it stands still for good."""
