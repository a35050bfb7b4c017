"""The page that explains a shopper's events to support: behind a token, and read in a process of its own."""
