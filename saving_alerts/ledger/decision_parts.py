"""What a decision is made of, part by part, for whoever shows all of it: the stages, the attempts, the clauses.

Decisions are read back from a topic: a part that is not there, or of another shape, is empty.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from saving_alerts.domain.decision_limits import MAX_ENTRIES
from saving_alerts.domain.decisions import Decision, Stage
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.failed_asks import DETAIL
from saving_alerts.ledger.decision_texts import MAX_CHARACTERS, details_in_words

MAX_PART_CHARACTERS = 1_000
# What has parts of its own here, so that it is not said twice.
_IN_PARTS = frozenset({"attempts", "refusals", DETAIL})
_STAGES = frozenset(map(str, Stage))
# Numbers of a timeline that others wrote: a week in milliseconds is more than any event lives.
_MOST_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class StageBar:
    """One stage of an event: how long it waited before it, and was in work there. `begun_at` is a worker's clock."""

    stage: str
    begun_at: datetime
    waited: timedelta
    worked: timedelta


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts in a row with one answer. `at_least`: the decision had no room for more of them."""

    answer: str
    count: int
    at_least: bool = False

    def __str__(self) -> str:
        if self.count == 1 and not self.at_least:
            return self.answer
        return f"{self.answer} ({'at least ' if self.at_least else ''}{self.count} times)"


@dataclass(frozen=True, slots=True)
class ClauseSaidNo:
    """The first clause of a rule that said no; `more` is what else is known of it, or empty."""

    rule_id: str
    clause: str
    more: str = ""

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.clause}{f' ({self.more})' if self.more else ''}"


def stage_bars(decision: Decision) -> list[StageBar]:
    """In the order in which the event met them; empty where the decision does not say it, as those of 0.1.0."""
    if decision.read_at is None:
        return []
    bars: list[StageBar] = []
    before = decision.occurred_at or decision.read_at
    for each in decision.timeline[: len(Stage)]:
        if each.stage not in _STAGES or not all(abs(ms) <= _MOST_MS for ms in (each.begun_ms, each.ended_ms)):
            return []
        begun, ended = (decision.read_at + timedelta(milliseconds=ms) for ms in (each.begun_ms, each.ended_ms))
        bars.append(StageBar(each.stage, begun, _at_least_zero(begun - before), _at_least_zero(ended - begun)))
        before = ended
    return bars


def attempts_of(decision: Decision) -> list[Attempts]:
    """What failed at the Coupon API, then each answer of the push API once, where it came several times in a row."""
    found = decision.details.get("attempts")
    answers = [_short(each) for each in found if isinstance(each, str)] if isinstance(found, list) else []
    runs: list[Attempts] = []
    for answer in answers:
        if runs and runs[-1].answer == answer:
            runs[-1] = Attempts(answer, runs[-1].count + 1)
        else:
            runs.append(Attempts(answer, 1))
    if len(answers) >= MAX_ENTRIES:
        runs[-1] = Attempts(runs[-1].answer, runs[-1].count, at_least=True)
    return [*_failed_asks(decision), *runs]


def _failed_asks(decision: Decision) -> list[Attempts]:
    found = decision.details.get(DETAIL)
    counts = found.items() if isinstance(found, dict) else ()
    return [Attempts(f"Coupon API: {_short(str(answer))}", count) for answer, count in counts if isinstance(count, int)]


def clauses_of(decision: Decision) -> list[ClauseSaidNo]:
    found = decision.details.get("refusals")
    named = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return [
        ClauseSaidNo(
            _short(str(each.get("rule_id"))),
            _short(str(each.get("clause"))),
            _short(
                details_in_words({name: value for name, value in each.items() if name not in {"rule_id", "clause"}})
            ),
        )
        for each in named
    ]


def other_details(decision: Decision) -> str:
    """The details that have no part of their own, in one line."""
    others = {name: value for name, value in decision.details.items() if name not in _IN_PARTS}
    return printable(details_in_words(others), MAX_CHARACTERS)


def versions_of(decision: Decision) -> str:
    named: Mapping[str, str | None] = {
        "rules": decision.versions.rules,
        "merchants": decision.versions.merchants,
        "caps": decision.versions.caps,
        "canary": decision.versions.canary,
    }
    return _short(", ".join(f"{name} {version}" for name, version in named.items() if version))


def held_of(decision: Decision) -> list[str]:
    """What held the event up, in words."""
    return [_short(str(each)) for each in getattr(decision, "held_by", ())]


def counted(texts: Iterable[str]) -> list[str]:
    """Each text once, with its count where it is not one."""
    return [text if count == 1 else f"{text} ({count} times)" for text, count in Counter(texts).items()]


def _short(text: str) -> str:
    return printable(text, MAX_PART_CHARACTERS)


def _at_least_zero(span: timedelta) -> timedelta:
    return max(span, timedelta(0))
