"""Rules and merchants: the snapshot in use, how it is loaded, how rules are published."""
