"""Kafka, Redis, S3 and a DogStatsD receiver, each embedded or as a child process."""
