"""Fakes of the ports; the contract tests run on them and on the real adapters."""
