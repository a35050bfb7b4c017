"""The ledger: what Kafka holds about every source offset (decisions, receipts, dead letters), and its audit."""
