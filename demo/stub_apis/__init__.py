"""Stubs of the Coupon API and the push API, whose faults can be set while they run."""
