"""`saving-alerts rules canary`, and how `rules publish` begins one: rules that are tried on some of the users."""
