"""What stands on the page in two situations: an ordinary day, and an outage at night with a dead worker."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.dependencies import LastFailure, State
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.funnel import funnel
from saving_alerts.domain.reasons import Reason
from saving_alerts.ports.heartbeats import Problem, WorkerRow
from saving_alerts.supervision.health import Condition
from saving_alerts.web.flows import Flow
from saving_alerts.web.stats import Document, PartitionLag, Published, StageNumbers, Stats
from saving_alerts.web.switches import Switch
from saving_alerts.web.verdict import Missed, verdict

NIGHT = datetime(2026, 11, 24, 3, 12, 40, tzinfo=UTC)
BEGAN = NIGHT - timedelta(minutes=9, seconds=40)
TOPICS = ("saving-events", "saving-alerts.validated", "saving-alerts.candidates", "saving-alerts.alerts")
PARTITIONS = 4
DECISIONS = {Reason.PUSHED: 3_104, Reason.CAPPED: 12_400, Reason.NOT_A_TRIGGER: 1_204_311, Reason.NO_COUPON: 55_090}
NAMES = ("rules", "merchants", "kafka", "kafka_access", "kill_switches", "consent", "redis", "clock", "coupon_api")


def worker(name: str, partitions: tuple[int, ...], *problems: Problem) -> WorkerRow:
    return WorkerRow(
        name=name,
        incarnation=f"incarnation of {name}",
        started_at=NIGHT - timedelta(hours=31),
        beaten_at=NIGHT - timedelta(seconds=1),
        page=f"http://{name}.example:6066",
        version="0.2.0",
        rules_version="5b3f0c9e21aa",
        merchants_version="9d0a77c1be02",
        partitions=partitions,
        in_flight=7 if problems else 0,
        ready=True,
        decisions={"pushed": 1_552},
        events_read=812_004,
        problems=problems,
        owned=dict.fromkeys(TOPICS, partitions),
    )


def ordinary_day() -> Stats:
    """All well."""
    rows = (worker("worker-1", (0, 1)), worker("worker-2", (2, 3)))
    decisions = {str(reason): DECISIONS.get(reason, 0) for reason in Reason}
    read = sum(decisions.values())
    return Stats(
        worker="worker-1",
        version="0.2.0",
        at=NIGHT,
        funnel=funnel(read, decisions),
        decisions=decisions,
        stages=tuple(StageNumbers(stage, 90_310, 88_000, 2_310, 0, 0.0042, 0.081) for stage in Stage),
        lag=(),
        conditions=tuple(_well(name) for name in (*NAMES, "push_api")),
        documents=(
            Document(
                "rules",
                "5b3f0c9e21aa",
                12.0,
                None,
                published=Published("ines", NIGHT - timedelta(days=2), "coffee in the morning"),
            ),
            Document("merchants", "9d0a77c1be02", 12.0, None, "3 lines were left out: line 17: no country"),
        ),
        dead_letters=2,
        cluster=rows,
        verdict=verdict(rows, Missed(), NIGHT),
        flows=_flows(decisions, read),
        since=NIGHT - timedelta(hours=23),
        partitions=tuple(
            PartitionLag(topic, number, 40_000 + number, 40_000 + number, f"worker-{1 + number // 2}")
            for topic in TOPICS
            for number in range(PARTITIONS)
        ),
        dead_letters_by_reason={"dead_letter at query_coupons": 2},
        asks_avoided=0.62,
        started_at=NIGHT - timedelta(hours=31),
    )


def outage() -> Stats:
    """The push API fails, the rules are refused, a switch is on, and a worker is dead."""
    stats = ordinary_day()
    error = LastFailure("HTTP 500", NIGHT - timedelta(seconds=2), 500, "push.example:8082")
    push_api = Condition(
        "push_api",
        ok=False,
        detail="HTTP 500; left alone, events are held",
        required=False,
        since=BEGAN,
        times=1,
        error=error,
        held=7,
        expired=3,
        next_try=NIGHT + timedelta(seconds=3),
    )
    refused = "rules[3].caps[0].pushes: must be at least 1"
    rules = Condition(
        "rules_fresh",
        ok=False,
        detail=f"{refused}; version 5b3f0c9e21aa stays in use · confirmed 9 min 40 s ago",
        required=False,
        since=BEGAN,
    )
    switch = Condition(
        "kill_switches",
        ok=True,
        detail="merchant:m-123 since 2026-11-24 03:03:00 by ines: wrong prices",
        required=False,
        off=True,
        since=BEGAN,
    )
    problems = tuple(_told(each) for each in (push_api, rules, switch))
    rows = (worker("worker-1", (0, 1), *problems),)
    dead = msgspec.structs.replace(worker("worker-2", (2, 3)), beaten_at=NIGHT - timedelta(seconds=40))
    conditions = [each for each in stats.conditions if each.name not in {"push_api", "kill_switches"}]
    partitions = tuple(
        replace(each, owner=None, end=40_120, oldest_at=BEGAN) if each.partition in dead.partitions else each
        for each in stats.partitions
    )
    orphaned = sum(each.owner is None for each in partitions)
    return replace(
        stats,
        conditions=(*conditions, push_api, rules, switch),
        cluster=rows,
        silent=(dead,),
        verdict=verdict(rows, Missed((dead,), orphaned), NIGHT),
        partitions=partitions,
        held_back=(HeldBack("dispatch_push", TOPICS[3], 1, 1_207, BEGAN, 24_100, "the push API: HTTP 500", True),),
        switches=(Switch("merchant:m-123", "ines", BEGAN, None, "wrong prices"),),
        documents=(replace(stats.documents[0], refusal=refused), stats.documents[1]),
    )


def _well(name: str) -> Condition:
    return Condition(name, ok=True, detail="in use", since=NIGHT - timedelta(hours=31))


def _told(condition: Condition) -> Problem:
    return Problem(
        name=condition.name,
        state=State(condition.state),
        detail=condition.error.text if condition.error else condition.detail,
        since=condition.since,
        held=condition.held,
        expired=condition.expired,
        next_try=condition.next_try,
    )


def _flows(decisions: dict[str, int], read: int) -> tuple[Flow, ...]:
    counted = {"read": read, **{reason: events for reason, events in decisions.items() if events}}
    wave = [20 + (minute * 7) % 13 for minute in range(60)]
    return tuple(
        Flow(
            name, events // 288, events // 24, events, events / 86_400, tuple(each * events // 40_000 for each in wave)
        )
        for name, events in counted.items()
    )
