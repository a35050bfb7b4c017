"""Small stand-ins for the ports, held against the real adapters by the contract suites."""
