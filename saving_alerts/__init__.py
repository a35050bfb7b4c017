"""Saving alerts: from an event at the store to one relevant push, or to a decision that says why not."""

__version__ = "0.2.0"

# Of the environment variables that are settings. Here, so that a command which needs none does without pydantic.
ENVIRONMENT_PREFIX = "SAVING_ALERTS_"
