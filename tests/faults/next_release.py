"""A build of this release with one more field in everything that it writes, as a later release will have."""

from collections.abc import Iterator
from contextlib import contextmanager

from demo.workers.worker_process import Build
from tests.mutation.mutant import Edit
from tests.mutation.tree import edited

NAME = "of_the_next_release"
_VALUE = '"one more field"'
_FIELD = f"    {NAME}: str = msgspec.field(default_factory=lambda: {_VALUE})\n"
_DOMAIN, _SCRIPTS = "saving_alerts/domain", "saving_alerts/adapters/claim_scripts"


def _behind(file: str, line: str, then: str = "") -> Edit:
    """The field comes behind this line; `then` tells it from others alike, and stays."""
    return Edit(file, f"{line}\n{then}", f"{line}\n{_FIELD}{then}")


_RECORDS = (
    _behind(f"{_DOMAIN}/events.py", "    dwell_seconds: Annotated[float, Meta(ge=0)] | None = None"),
    _behind(f"{_DOMAIN}/events.py", "    accuracy_m: float | None = None"),
    _behind(f"{_DOMAIN}/coupons.py", "    passed_over: PassedOverCoupons = NONE_PASSED_OVER"),
    _behind(f"{_DOMAIN}/alerts.py", "    store_id: str | None = None", "    variant"),
    _behind(f"{_DOMAIN}/alerts.py", "    store_id: str | None = None", "    rules_version"),
    _behind(f"{_DOMAIN}/decisions.py", "    ended_ms: int"),
    _behind(f"{_DOMAIN}/decisions.py", "    held_by: Holds = ()"),
    _behind(f"{_DOMAIN}/decisions.py", "    written_ms: tuple[int, int] | None = None"),
    _behind(f"{_DOMAIN}/kill_switches.py", "    others: tuple[TurnedOn, ...] = ()"),
    _behind(f"{_DOMAIN}/kill_switches.py", "    until: Instant | None = None", "\n    def stands_at"),
    _behind("saving_alerts/kafka/codecs.py", "    last_offset: int | None = None"),
    Edit(
        "saving_alerts/kafka/codecs.py",
        '            ("deadline", self.deadline.isoformat().encode()),\n',
        f'            ("deadline", self.deadline.isoformat().encode()),\n            ("{NAME}", b{_VALUE}),\n',
    ),
)
# The key of a row in the Table never changes (ADR 31), its value may.
_TABLE = (Edit("saving_alerts/kafka/push_send_rows.py", 'ROW_VALUE = b"1"', f"ROW_VALUE = b'{{\"{NAME}\": 1}}'"),)
# It is written with every commit, although there is nothing else to note.
_COMMITS = (
    _behind(
        "saving_alerts/delivery/poison_pills/commit_metadata.py",
        "    finished: FinishedRanges | None = None",
        "\n    @classmethod",
    ),
    Edit(
        "saving_alerts/delivery/poison_pills/commit_metadata.py",
        '        if self == PartitionMemo():\n            return ""\n',
        "",
    ),
)
_REDIS = (
    _behind(
        "saving_alerts/ports/heartbeats.py",
        "    owned: Annotated[dict[Text, tuple[PartitionNumber, ...]], Meta(max_length=MAX_TOPICS)] = {}",
    ),
    Edit(f"{_SCRIPTS}/confirm.lua", "uncertain = UNCERTAIN,\n", f"uncertain = UNCERTAIN, {NAME} = 1,\n"),
    Edit(f"{_SCRIPTS}/reserve.lua", "NOW + LEASE_MS,\n    budgets", f"NOW + LEASE_MS, {NAME} = 1,\n    budgets"),
    Edit(f"{_SCRIPTS}/charge_control.lua", "control = true,", f"control = true, {NAME} = 1,"),
    Edit(f"{_SCRIPTS}/state.lua", "cjson.encode({entries = entries,", f"cjson.encode({{{NAME} = 1, entries = entries,"),
)
EDITS = (*_RECORDS, *_TABLE, *_COMMITS, *_REDIS)


@contextmanager
def next_release() -> Iterator[Build]:
    """For as long as it is needed. Raises StaleMutantError where a record has changed: then the edit must follow it."""
    with edited(EDITS) as folder:
        yield Build(folder)
