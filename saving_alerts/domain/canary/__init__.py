"""Whether new rules do to some of the users what was foretold of them. Pure, and not used yet (docs/adr/0053)."""
