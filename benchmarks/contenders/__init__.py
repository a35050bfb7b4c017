"""The programs that are measured against each other."""
