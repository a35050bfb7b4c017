"""The traffic of the demo: seeded events, each with the answer it must have, and the data of S3 and the stub APIs."""

from demo.traffic.directory import merchants_jsonl, rules_json
from demo.traffic.mix import endless, make_traffic
from demo.traffic.plan import Expectation, PlannedEvent, Traffic

__all__ = ["Expectation", "PlannedEvent", "Traffic", "endless", "make_traffic", "merchants_jsonl", "rules_json"]
