"""Whether a worker is live and ready, and what ends it if it stands still for good."""
