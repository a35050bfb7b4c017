"""What is on record about every source offset: reading it from Kafka, and the arithmetic on it."""
