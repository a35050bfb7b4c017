"""How long a worker tries to commit, and to write its changelog, before its partitions are taken away."""

# Without Kafka a commit waits for ever. What is not committed is redelivered, which is harmless.
LAST_COMMIT_SECONDS = 3.0
# Before the drain, and after it.
LAST_COMMITS_OF_A_REVOKE = 2
# What is still to be written of the changelog then, nobody waits for: it is written later, or its event comes again.
LAST_FLUSH_SECONDS = 3.0
LAST_SECONDS_OF_A_REVOKE = LAST_COMMITS_OF_A_REVOKE * LAST_COMMIT_SECONDS + LAST_FLUSH_SECONDS
