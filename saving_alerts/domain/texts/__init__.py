"""What people read: locales, numbers and names. CLDR and Unicode come from libraries (docs/adr/0035)."""
