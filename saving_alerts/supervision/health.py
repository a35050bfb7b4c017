"""Whether a worker lives, whether it is ready, and what is the matter if not.

`required` conditions make a worker not ready. The others are shown all the same: an API that is down, or a Redis that
is, hits all workers alike, and the pipeline holds its events until they are back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from saving_alerts.domain.kill_switches import StandingSwitch
from saving_alerts.reference_data.snapshot import Freshness

NAMED_SWITCHES = 10  # on the page; the list has them all


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
    return Condition("redis", error is None, error or "took the last heartbeat, and a claim for nobody", required=False)


def breaker(name: str, *, is_open: bool) -> Condition:
    detail = "left alone after repeated failures; events are held" if is_open else "in use"
    return Condition(name, not is_open, detail, required=False)


def kill_switches(seen: int | None, switches: Sequence[StandingSwitch], problem: str | None) -> Condition:
    """Without them no event is touched. One that is on is no fault of a worker, but somebody should know.

    `switches` in the order of their list; `problem` says why they are not followed now.
    """
    if seen is None:
        return Condition("kill_switches", ok=False, detail=f"not read yet{f': {problem}' if problem else ''}")
    on = [str(switch) for switch in switches[:NAMED_SWITCHES]]
    if more := len(switches) - len(on):
        on.append(f"and {more} more, see `saving-alerts kill list`")
    ill = [f"not followed now, what was known before stays: {problem}"] if problem else []
    return Condition("kill_switches", not on and not ill, "; ".join([*ill, *on]) or "none is on", required=False)


def pushes(*, dry_run: bool) -> Condition:
    return Condition("pushes", not dry_run, "a dry run: nothing is sent" if dry_run else "are sent", required=False)
