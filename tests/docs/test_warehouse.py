"""The query of docs/warehouse.md says of each event what `explain` says."""

import json
import random
import re
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from saving_alerts.domain.decisions import Decision, answer
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import decode_ledger
from tests.recorded.lines import Line

ROOT = Path(__file__).parents[2]
(QUERY,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "warehouse.md").read_text(), re.DOTALL)
RECORDED = [
    msgspec.json.decode(line, type=Line).value_bytes or b""
    for file in ("decisions", "receipts")
    for line in (ROOT / "tests/recorded/0.1.0" / f"{file}.jsonl").read_text().splitlines()
]


def queried(values: list[bytes]) -> list[dict[str, Any]]:
    with sqlite3.connect(":memory:") as database:
        database.row_factory = sqlite3.Row
        database.execute("CREATE TABLE records (value TEXT, kafka_partition INT, kafka_offset INT)")
        rows = [(value.decode(), 0, offset) for offset, value in enumerate(values)]
        database.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
        return [dict(row) for row in database.execute(QUERY)]


def of_reason(base: bytes, reason: Reason) -> bytes:
    return json.dumps(json.loads(base) | {"reason": str(reason), "decision_id": f"d-{reason}"}).encode()


def test_each_event_on_record_has_one_row() -> None:
    decisions = [entry for value in RECORDED if isinstance(entry := decode_ledger(value), Decision)]

    rows = queried(RECORDED + RECORDED)

    assert len(rows) == len({(each.position, each.event_id) for each in decisions})
    assert {row["decided_at"] for row in rows} <= {json.loads(value).get("decided_at") for value in RECORDED}


def test_of_several_decisions_the_one_counts_that_counts_for_explain() -> None:
    """Every pair of reasons, in every order."""
    base = next(value for value in RECORDED if b"decision_id" in value)
    generator = random.Random(1)
    for _ in range(200):
        values = [of_reason(base, reason) for reason in generator.choices(list(Reason), k=3)]
        decisions = [entry for value in values if isinstance(entry := decode_ledger(value), Decision)]

        (row,) = queried(values)

        assert row["reason"] == answer(decisions).reason
