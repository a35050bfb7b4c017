"""How long faults are felt: ours, and what somebody would write by hand."""
