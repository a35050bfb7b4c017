"""The outside world of saving alerts, embedded: what `make demo` and the tests run against."""
