"""Events, coupons, rules, caps, alerts and decisions as values and pure functions: no I/O, no clock, no framework."""
