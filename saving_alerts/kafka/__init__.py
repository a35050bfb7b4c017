"""What talks to Kafka without Faust: connection, topics, wire format."""
