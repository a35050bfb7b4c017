"""Microseconds per event of the steps without I/O, each against plain JSON decoding in the same run.

Ends with 1 where a step takes more times as long as that than its budget says.

python -m benchmarks.core
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median

import click
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import budgets, source
from demo.traffic import make_traffic, rules_json
from saving_alerts.domain.coupons import Candidate, Coupon
from saving_alerts.domain.events import SourceRecord, ValidatedEvent
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import candidate_codec, encode
from saving_alerts.pipeline import steps as pipeline
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.reference_data.snapshot import Snapshot

ROUNDS = 7
EVENTS = 5_000
POSITION = SourcePosition("saving-events", 0, 0)
REFERENCE = "json.loads"
# Times `json.loads`: half as much again as was measured when they were set.
BUDGETS = {"validate": 0.75, "decode a candidate": 2.2, "evaluate_rules": 7.5}


@click.command(help=__doc__)
def main() -> None:
    """Measure every case in turn, several rounds, and print the medians."""
    cases = _cases()
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, (work, events) in cases.items():
            began = time.perf_counter()
            work()
            times[name].append((time.perf_counter() - began) / events * 1e6)
    _show({name: median(each) for name, each in times.items()})
    # The least of all rounds is what the machine disturbs least.
    budgets.end(above({name: min(each) for name, each in times.items()}))


def above(microseconds: Mapping[str, float]) -> list[str]:
    """What takes longer than its budget, in words."""
    ratios = {name: microseconds[name] / microseconds[REFERENCE] for name in BUDGETS}
    return budgets.above(ratios, BUDGETS, f"as long as {REFERENCE}")


def _show(medians: Mapping[str, float]) -> None:
    table = Table("case", "µs per event", f"times {REFERENCE}", "budget")
    for name, microseconds in medians.items():
        budget = f"{BUDGETS[name]:g}" if name in BUDGETS else ""
        table.add_row(name, f"{microseconds:.2f}", f"{microseconds / medians[REFERENCE]:.2f}", budget)
    Console().print(table)


def _cases() -> dict[str, tuple[Callable[[], object], int]]:
    now = datetime.now(UTC)
    snapshot = source.snapshot(rules_json())
    values = [value for event in make_traffic(1, EVENTS).events if (value := event.value(now))]
    readable = [value for value in values if _is_json(value)]
    records = [SourceRecord(POSITION, value, now) for value in values]
    candidates = _candidates(records, snapshot, now)
    encoded = [encode(candidate) for candidate in candidates]
    headers = (
        ("schema", b"1"),
        ("position", b"saving-events/0/0"),
        ("event_id", b"e"),
        ("deadline", b"2026-01-01T00:00:00+00:00"),
    )
    return {
        REFERENCE: (lambda: [json.loads(value) for value in readable], len(readable)),
        "validate": (lambda: [pipeline.validate(record, snapshot, now) for record in records], len(records)),
        "decode a candidate": (
            lambda: [candidate_codec.decode(each, headers) for each in encoded],
            len(encoded),
        ),
        "evaluate_rules": (
            lambda: [pipeline.evaluate_rules(each, snapshot, now) for each in candidates],
            len(candidates),
        ),
    }


def _candidates(records: list[SourceRecord], snapshot: Snapshot, now: datetime) -> list[Candidate]:
    forwarded = [pipeline.validate(record, snapshot, now) for record in records]
    triggers = [outcome.value for outcome in forwarded if isinstance(outcome, Forward)]
    return [Candidate(validated=trigger, coupons=_coupons(trigger, now)) for trigger in triggers]


def _coupons(trigger: ValidatedEvent, now: datetime) -> tuple[Coupon, ...]:
    coupon = {
        "merchant_id": trigger.event.merchant_id,
        "title": {"en": "20 % off"},
        "valid_from": now,
        "valid_until": now + timedelta(days=1),
        "channel": "both",
        "deep_link": "https://example.test/c",
    }
    return tuple(
        msgspec.convert(
            {**coupon, "coupon_id": f"c-{number}", "discount": {"kind": "percent", "amount": 5.0 * (number + 1)}},
            Coupon,
        )
        for number in range(5)
    )


def _is_json(value: bytes) -> bool:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


if __name__ == "__main__":
    main()
