"""Whether new rules do to some of the users what was foretold of them. Pure (docs/adr/0053)."""
