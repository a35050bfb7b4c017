"""What is true about events, coupons, rules, caps, alerts and decisions: no I/O, no clock, no framework."""
