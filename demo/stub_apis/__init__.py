"""Stand-ins for the Coupon API and the push API that can be told to misbehave."""
