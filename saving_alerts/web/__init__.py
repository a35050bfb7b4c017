"""The pages of a worker: statistics, health and metrics over HTTP."""
