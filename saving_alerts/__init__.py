"""Saving alerts: from an event at the store to one relevant push, or to a decision that says why not."""

__version__ = "0.1.0"
