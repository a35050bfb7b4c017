"""How long a worker tries to commit before its partitions are taken away."""

# Without Kafka a commit waits for ever. What is not committed is redelivered, which is harmless.
LAST_COMMIT_SECONDS = 3.0
# Before the drain, and after it.
LAST_COMMITS_OF_A_REVOKE = 2
