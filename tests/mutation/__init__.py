"""Breaks one protection at a time, and shows which test notices."""
