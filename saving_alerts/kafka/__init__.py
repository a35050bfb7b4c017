"""Kafka without Faust: connection, topics, wire format."""
