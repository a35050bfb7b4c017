"""The conditions of a worker's health. `docs/operating.md` has what each means and what to do.

A worker is ready if all `required` conditions hold. The others are shown only: if an API or Redis is down, that is so
for all workers, and they hold their events until it is back. `known` adds what `dependencies.py` remembers of each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.dependencies import (
    COUPON_API,
    PUSH_API,
    REDIS,
    WORKERS,
    Dependencies,
    DependencyState,
    LastFailure,
    State,
)
from saving_alerts.domain.clock_check import ClockJudgement
from saving_alerts.domain.decoding import Instant
from saving_alerts.domain.holds import in_words
from saving_alerts.domain.kill_switches import StandingSwitch
from saving_alerts.ports.consent import ConsentReport
from saving_alerts.ports.erasures import ErasureReport
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.reference_data.snapshot import Freshness

NAMED_SWITCHES = 10  # on the page; the list has them all
NAMED_ORDERS = 3  # to erase users; the log has them all
NAMED_PARTITIONS = 20
NAMED_WORKERS = 3
TOLD_BY_ADAPTERS = frozenset({COUPON_API, PUSH_API, REDIS})


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is right (`ok`) or wrong. `detail` is for people; `off`: somebody wants it so.

    `since` is when it came into this state, None while that is not known; `times` how often it was ill; `error` its
    last one. `held` counts the events that wait for it now, `expired` those that it has cost this time; before
    `next_try` nobody asks it.
    """

    name: str
    ok: bool
    detail: str
    required: bool = True
    off: bool = False
    state: State = State.OK
    since: Instant | None = None
    times: int = 0
    error: LastFailure | None = None
    held: int = 0
    expired: int = 0
    next_try: Instant | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", self._state())

    def _state(self) -> State:
        if self.off:
            return State.OFF
        if self.ok:
            return State.OK
        return State.NOT_READY if self.required else State.DEGRADED


def all_required_hold(conditions: Iterable[Condition]) -> bool:
    return all(condition.ok for condition in conditions if condition.required)


def known(condition: Condition, dependencies: Dependencies, held: int = 0) -> Condition:
    """The same with what is remembered of it. Conditions that nobody else tells are noted by this."""
    remembered = dependencies.of(condition.name)
    if condition.name not in TOLD_BY_ADAPTERS:
        remembered.note(condition.state, condition.detail, condition.since)
    return replace(
        condition,
        since=remembered.since,
        times=remembered.times,
        error=remembered.error,
        held=held if condition.state.is_ill else 0,
        expired=remembered.expired,
        next_try=remembered.next_try,
    )


def loaded(document: str, freshness: Freshness) -> Condition:
    """Without its first rules and merchants a worker consumes nothing."""
    if freshness.version is not None:
        remark = f"; {freshness.remark}" if freshness.remark else ""
        return Condition(document, ok=True, detail=f"version {freshness.version}{remark}")
    why = freshness.refusal or "not asked yet"
    return Condition(document, ok=False, detail=f"waiting for the first {document}: {why}")


def fresh(document: str, freshness: Freshness, now: datetime, stale_seconds: float) -> Condition:
    """A worker with stale rules or merchants goes on with them. A refusal is shown at once: what is meant to be in use
    is not.
    """
    name = f"{document}_fresh"
    if freshness.confirmed_at is None:
        return Condition(name, ok=False, detail="never confirmed")
    age = (now - freshness.confirmed_at).total_seconds()
    seen, is_stale = f"confirmed {in_words(age)} ago", age > stale_seconds
    if freshness.refusal is None:
        return Condition(name, ok=not is_stale, detail=seen)
    detail = f"{freshness.refusal}; version {freshness.version} stays in use · {seen}"
    return Condition(name, ok=False, detail=detail, required=is_stale)


def group(*, joined: bool, rebalancing: bool, partitions: int) -> Condition:
    """A worker that is not in its consumer group, or in a rebalance, consumes nothing."""
    if not joined:
        return Condition("kafka", ok=False, detail="has not joined the consumer group")
    if rebalancing:
        return Condition("kafka", ok=False, detail="the group is rebalancing")
    return Condition("kafka", ok=True, detail=f"{partitions} partitions")


def kafka_access(problem: str | None, since: datetime | None = None) -> Condition:
    """Without it nothing is read or written until somebody mends it; the worker goes on by itself then."""
    detail = problem or "our login is taken, and all that a worker does is allowed"
    began = since if problem else None
    return Condition("kafka_access", problem is None, detail, required=False, since=began)


def workers(untaken: Sequence[WorkerRow]) -> Condition:
    """`untaken`: those that do not answer, and of whose partitions somebody still has to take one."""
    if not untaken:
        return Condition(WORKERS, ok=True, detail="no partition waits for an heir", required=False)
    names, since = ", ".join(row.name for row in untaken[:NAMED_WORKERS]), min(row.beaten_at for row in untaken)
    more = f" and {len(untaken) - NAMED_WORKERS} more" if len(untaken) > NAMED_WORKERS else ""
    detail = f"no answer from {names}{more}; not all of the partitions have another worker yet"
    return Condition(WORKERS, ok=False, detail=detail, required=False, since=since)


def held_back(held: Sequence[HeldBack]) -> Condition:
    """`held` are the partitions that one record holds back for long, and nobody who is ill: the oldest first.

    The other records go on, so the worker is ready.
    """
    if not held:
        return Condition("held_back", ok=True, detail="no record holds its partition back for long", required=False)
    first, more = held[0], len(held) - 1
    others = f"; and {more} more partition{'' if more == 1 else 's'}" if more else ""
    committed = f"{first.uncommitted:,} record{' is' if first.uncommitted == 1 else 's are'} not committed"
    detail = f"{first.topic} {first.partition} at offset {first.offset}, which waits for {first.waits_for}; {committed}"
    return Condition("held_back", ok=False, detail=f"{detail}{others}", required=False, since=first.since)


def drain(*, draining: bool) -> Condition:
    return Condition("drain", not draining, "work in flight is being finished" if draining else "not draining")


def redis(state: DependencyState) -> Condition:
    """Without Redis no push is sent: alerts are held until their deadline."""
    if state.since is None:
        return Condition(REDIS, ok=False, detail="not asked yet", required=False)
    error = state.error.text if state.is_ill and state.error else ""
    return Condition(REDIS, not state.is_ill, error or "answered the last heartbeat, and can claim", required=False)


def clock(judgement: ClockJudgement | None) -> Condition:
    """A worker whose clock is not trusted takes nothing from the source. One that is a little off works on."""
    if judgement is None:
        return Condition("clock", ok=True, detail="not compared yet", required=False)
    return Condition("clock", judgement.agrees, judgement.text, required=not judgement.trusted)


def api(state: DependencyState) -> Condition:
    """While an API is left alone, because it fails or asks for it, events are held."""
    if not state.is_ill:
        return Condition(state.name, ok=True, detail="in use", required=False)
    why = state.error.text if state.error else "it failed"
    return Condition(state.name, ok=False, detail=f"{why}; left alone, events are held", required=False)


def kill_switches(next_offset: int | None, switches: Sequence[StandingSwitch], problem: str | None) -> Condition:
    """Until their topic is read (`next_offset` None) a worker consumes nothing. A switch that is on is only shown.

    `switches` are in the order of their list. `problem` says why the topic is not followed now.
    """
    if next_offset is None:
        return Condition("kill_switches", ok=False, detail=f"not read yet{f': {problem}' if problem else ''}")
    on = [str(switch) for switch in switches[:NAMED_SWITCHES]]
    if more := len(switches) - len(on):
        on.append(f"and {more} more, see `saving-alerts kill list`")
    problems = [f"not followed now, what was known before stays: {problem}"] if problem else []
    detail = "; ".join([*problems, *on]) or "none is on"
    return Condition("kill_switches", not problems, detail, required=False, off=bool(on) and not problems)


def consent(report: ConsentReport | None) -> Condition:
    """Until a worker has read its users' opt-outs it is not ready. Later, what is not known makes events wait."""
    if report is None:
        return Condition("consent", ok=True, detail="as the event says", required=False)
    details = [
        f"in the partitions {_listed([number for number, each in report.everyone.items() if each == why])} nobody is "
        f"pushed: {why}"
        for why in dict.fromkeys(report.everyone.values())
    ]
    if report.problem:
        details.append(report.problem)
    if report.unknown:
        waits = f": waits until {report.waits_for}" if report.waits_for else ""
        details.append(f"not known in the partitions {_listed(report.unknown)}, whose events wait{waits}")
    detail = "; ".join(details) or f"{report.opt_outs} users of this worker's partitions have opted out"
    return Condition("consent", not details, detail, required=bool(report.unread))


def erasures(report: ErasureReport | None) -> Condition:
    """What is the matter with orders to erase users. Events go on, because nothing waits for an erasure."""
    if report is None:
        return Condition("erasures", ok=True, detail="nobody can be erased: there is no secret for it", required=False)
    details = [*report.refused[:NAMED_ORDERS]]
    if more := len(report.refused) - len(details):
        details.append(f"and {more} more orders are not carried out")
    if report.problem:
        details.append(f"{report.waiting} orders wait: {report.problem}")
    detail = "; ".join(details) or f"{report.waiting} orders wait"
    return Condition("erasures", not details, detail, required=False)


def _listed(numbers: Sequence[int]) -> str:
    more = len(numbers) - NAMED_PARTITIONS
    named = ", ".join(map(str, numbers[:NAMED_PARTITIONS]))
    return f"{named} and {more} more" if more > 0 else named


def topics(problem: str | None) -> Condition:
    """Workers go on, because what they know of the topics is as of their start. One that starts now refuses to."""
    if problem is None:
        return Condition("topics", ok=True, detail="all are there, with as many partitions", required=False)
    todo = "Workers that start refuse to. Stop all, then run `saving-alerts topics create`, which says how to mend it"
    return Condition("topics", ok=False, detail=f"{problem}. {todo}", required=False)


def pushes(*, dry_run: bool) -> Condition:
    return Condition("pushes", ok=True, detail="a dry run: nothing is sent" if dry_run else "are sent", off=dry_run)
