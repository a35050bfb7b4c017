"""How the deployment is, in one sentence for each thing that is the matter, the worst first. Pure.

What several workers say of the same dependency is one sentence: since the first of them, and with all their events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from saving_alerts.dependencies import WORKERS, State
from saving_alerts.domain.holds import in_words
from saving_alerts.ports.heartbeats import Problem, WorkerRow

ALL_WELL = "all well"
DAY = timedelta(days=1)
# What people call the conditions in a sentence, and what it is when it is ill.
NAMES = {
    "coupon_api": ("Coupon API", "down"),
    "push_api": ("push API", "down"),
    "redis": ("Redis", "down"),
    "kafka_access": ("Kafka", "down"),
    "kafka": ("consumer group", ""),
    "held_back": ("commits", "held back"),
    "rules": ("rules", ""),
    "merchants": ("merchants", ""),
    "rules_fresh": ("rules in S3", ""),
    "merchants_fresh": ("merchants in S3", ""),
    "kill_switches": ("kill switch", ""),
    "clock": ("clock", ""),
    "consent": ("consent", ""),
    "topics": ("topics", ""),
    "drain": ("worker", ""),
    "pushes": ("dry run", ""),
}
WORST_FIRST = (State.NOT_READY, State.DEGRADED, State.OFF)
# What is so for a moment whenever a worker starts or stops is no headline beside an outage.
PASSING = ("kafka", "drain")
MAX_WORKERS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` is the worst of it, `sentences` say what is the matter; none where all is well."""

    state: State = State.OK
    sentences: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The worst, for a title."""
        return self.sentences[0] if self.sentences else ALL_WELL

    @property
    def spoken(self) -> str:
        """The same without what changes every second: a screen reader says it whenever it is another one."""
        return self.headline.split(" · ")[0]


@dataclass(frozen=True, slots=True)
class Missed:
    """What no worker can say of itself: who is gone, and the partitions that nobody has."""

    workers: Sequence[WorkerRow] = ()
    orphaned: int = 0


def verdict(rows: Sequence[WorkerRow], missed: Missed, now: datetime) -> Verdict:
    """Of what all workers report, as of now."""
    found: dict[str, list[tuple[str, Problem]]] = {}
    for row in rows:
        for problem in row.problems:
            if problem.name == WORKERS:  # those are named below, also where nobody waits for their partitions
                continue
            found.setdefault(problem.name, []).append((row.name, problem))
    told = sorted(found.values(), key=_rank)
    sentences = [(_state(each), _sentence(each, len(rows), now)) for each in told]
    sentences += [(State.DEGRADED, each) for each in _missed(missed, now)]
    sentences.sort(key=lambda each: WORST_FIRST.index(each[0]))
    return Verdict(sentences[0][0], tuple(text for _, text in sentences)) if sentences else Verdict()


def _missed(missed: Missed, now: datetime) -> list[str]:
    gone = [
        f"{row.name} does not answer · last seen {in_words(_seconds(row.beaten_at, now))} ago" for row in missed.workers
    ]
    if not missed.orphaned:
        return gone
    partitions = "1 partition has" if missed.orphaned == 1 else f"{missed.orphaned} partitions have"
    return [*gone, f"{partitions} no worker"]


def _state(told: Sequence[tuple[str, Problem]]) -> State:
    states = {problem.state for _, problem in told}
    return next((state for state in WORST_FIRST if state in states), State.DEGRADED)


def _rank(told: Sequence[tuple[str, Problem]]) -> tuple[int, bool, float]:
    since = min((each.since.timestamp() for _, each in told if each.since), default=0.0)
    return WORST_FIRST.index(_state(told)), told[0][1].name in PASSING, since


def _sentence(told: Sequence[tuple[str, Problem]], workers: int, now: datetime) -> str:
    problems = [problem for _, problem in told]
    first = min(problems, key=lambda each: each.since or now)
    # A switch says itself since when it is on, and who wants it.
    since = "" if first.name == "kill_switches" and _state(told) is State.OFF else _since(first.since, now)
    parts = [f"{_subject(first, _state(told))}{since}{_why(first)}"]
    if held := sum(each.held for each in problems):
        parts.append(f"{_counted(held, first.name)} held")
    if expired := sum(each.expired for each in problems):
        parts.append(f"{expired:,} expired")
    tries = [each.next_try for each in problems if each.next_try]
    if tries:
        parts.append(_next_try(min(tries), now, is_awaited=held > 0))
    if len(told) < workers:
        parts.append(_named([name for name, _ in told]))
    return " · ".join(parts)


def _subject(problem: Problem, state: State) -> str:
    name, ill = NAMES.get(problem.name, (problem.name.replace("_", " "), ""))
    if state is State.OFF:
        return name if problem.name == "pushes" else f"{name} on"
    return f"{name} {ill or state}"


def _since(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    shown = f"{since:%H:%M}" if timedelta(0) <= now - since < DAY else f"{since:%Y-%m-%d %H:%M}"
    return f" since {shown}"


def _why(problem: Problem) -> str:
    return f": {problem.detail}" if problem.detail else ""


def _counted(events: int, name: str) -> str:
    what = "alert" if name in {"push_api", "redis"} else "event"
    return f"{events:,} {what}{'' if events == 1 else 's'}"


def _next_try(at: datetime, now: datetime, *, is_awaited: bool) -> str:
    seconds = (at - now).total_seconds()
    if seconds >= 1:
        return f"next probe in {in_words(seconds)}"
    return "probing now" if is_awaited else "next probe with the next event"


def _named(names: Sequence[str]) -> str:
    more = len(names) - MAX_WORKERS_NAMED
    named = ", ".join(names[:MAX_WORKERS_NAMED])
    return f"on {named} and {more} more" if more > 0 else f"on {named}"


def _seconds(then: datetime, now: datetime) -> float:
    return max((now - then).total_seconds(), 0)
