"""Whether a worker lives, whether it is ready, and what is the matter if not.

`required` conditions make a worker not ready. The others are shown all the same: an API that is down, or a Redis that
is, hits all workers alike, and the pipeline holds its events until they are back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.clock_check import ClockJudgement
from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.reference_data.snapshot import Freshness


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that can be right or wrong; `detail` says what was seen."""

    name: str
    ok: bool
    detail: str
    required: bool = True


def all_required_hold(conditions: Iterable[Condition]) -> bool:
    return all(condition.ok for condition in conditions if condition.required)


def loaded(kind: str, freshness: Freshness) -> Condition:
    """A worker without its first rules or merchants waits for them."""
    if freshness.version is not None:
        return Condition(kind, ok=True, detail=f"version {freshness.version}")
    return Condition(kind, ok=False, detail=f"waiting for the first {kind}: {freshness.refusal or 'not asked yet'}")


def fresh(kind: str, freshness: Freshness, now: datetime, stale_seconds: float) -> Condition:
    """A worker with old rules works on, but somebody should look."""
    if freshness.confirmed_at is None:
        return Condition(f"{kind}_fresh", ok=False, detail="never confirmed")
    age = (now - freshness.confirmed_at).total_seconds()
    refusal = f", the newest was refused: {freshness.refusal}" if freshness.refusal else ""
    return Condition(f"{kind}_fresh", age <= stale_seconds, f"confirmed {age:.0f} s ago{refusal}")


def group(*, joined: bool, rebalancing: bool, partitions: int) -> Condition:
    """A worker outside of its consumer group, or in the middle of a rebalance, consumes nothing."""
    if not joined:
        return Condition("kafka", ok=False, detail="has not joined the consumer group")
    if rebalancing:
        return Condition("kafka", ok=False, detail="the group is rebalancing")
    return Condition("kafka", ok=True, detail=f"{partitions} partitions")


def drain(*, draining: bool) -> Condition:
    return Condition("drain", not draining, "work in flight is being finished" if draining else "not draining")


def redis(error: str | None) -> Condition:
    """Without Redis alerts are held until their deadline, never sent."""
    return Condition("redis", error is None, error or "answered the last heartbeat", required=False)


def clock(judgement: ClockJudgement | None) -> Condition:
    """A worker whose clock is not trusted takes nothing from the source. One that is a little off works on."""
    if judgement is None:
        return Condition("clock", ok=True, detail="not compared yet", required=False)
    return Condition("clock", judgement.agrees, judgement.text, required=not judgement.trusted)


def breaker(name: str, *, is_open: bool) -> Condition:
    detail = "left alone after repeated failures; events are held" if is_open else "in use"
    return Condition(name, not is_open, detail, required=False)


def kill_switches(seen: int | None, switches: Iterable[KillSwitch]) -> Condition:
    """Without them no event is touched. One that is on is no fault of a worker, but somebody should know."""
    if seen is None:
        return Condition("kill_switches", ok=False, detail="not read yet")
    on = "; ".join(str(switch) for switch in switches)
    return Condition("kill_switches", not on, on or "none is on", required=False)


def topics(problem: str | None) -> Condition:
    """Workers go on, because what they know of the topics is as of their start. One that starts now refuses to."""
    if problem is None:
        return Condition("topics", ok=True, detail="all are there, with as many partitions", required=False)
    todo = "Workers that start refuse to. Stop all, then run `saving-alerts topics create`, which says how to mend it"
    return Condition("topics", ok=False, detail=f"{problem}. {todo}", required=False)


def pushes(*, dry_run: bool) -> Condition:
    return Condition("pushes", not dry_run, "a dry run: nothing is sent" if dry_run else "are sent", required=False)
