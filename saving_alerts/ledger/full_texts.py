"""All that the decisions of one event say, as indented lines under its sentence: for a terminal."""

from collections.abc import Iterable
from datetime import datetime

from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.sentences.clock import ShopperClock
from saving_alerts.domain.sentences.language import Language
from saving_alerts.domain.sentences.telling import WORDS
from saving_alerts.domain.texts.calendars import precise_time_text, short_span_text
from saving_alerts.ledger.decision_parts import (
    attempts_of,
    clauses_of,
    counted,
    held_of,
    other_details,
    stage_bars,
    versions_of,
)
from saving_alerts.ledger.decision_texts import in_words
from saving_alerts.ledger.explaining import Explanation

_STAGE_WIDTH = 26


def full_lines(explanation: Explanation, language: Language, now: datetime) -> list[str]:
    """Timeline, attempts, rules, what held it, details, versions and echoes; without those that the decision lacks."""
    words, decision = WORDS[language], explanation.answer
    labels = words.labels
    identity = [f"event {decision.event_id or 'unknown'}, user {decision.user_id or 'unknown'}, {decision.position}"]
    identity.append(f"decision {decision.decision_id} by {decision.worker}, stage {decision.stage}")
    return [
        *_indented(identity, 1),
        *_part(labels["timeline"], timeline_lines(decision, language, now)),
        *_part(labels["attempts"], map(str, attempts_of(decision))),
        *_part(labels["rules"], map(str, clauses_of(decision))),
        *_part(labels["held"], held_of(decision)),
        *_part(labels["details"], filter(None, [other_details(decision)])),
        *_part(labels["versions"], filter(None, [versions_of(decision)])),
        *_part(labels["echoes"], counted(in_words(echo) for echo in explanation.echoes)),
    ]


def timeline_lines(decision: Decision, language: Language, now: datetime) -> list[str]:
    """Times are the shopper's, as in the sentence; those of the stages by the clocks of the workers."""
    words = WORDS[language]
    clock = ShopperClock.of(decision.timezone, words, now)
    labels, bars = words.labels, stage_bars(decision)
    moments = [(decision.occurred_at, labels["happened"])]
    moments += [] if bars else [(decision.read_at, labels["read"])]
    lines = [_moment(clock, at, what) for at, what in moments if at is not None]
    for bar in bars:
        spent = (("waited", bar.waited), ("worked", bar.worked))
        told = ", ".join(labels[kind].format(span=short_span_text(span, words.locale)) for kind, span in spent)
        lines.append(_moment(clock, bar.begun_at, f"{words.stages[bar.stage]:{_STAGE_WIDTH}}{told}"))
    return [*lines, _moment(clock, decision.decided_at, labels["decided"])]


def _moment(clock: ShopperClock, at: datetime, what: str) -> str:
    return f"{precise_time_text(clock.local(at))}  {what}"


def _part(label: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [*_indented([label], 1), *_indented(found, 2)] if found else []


def _indented(lines: Iterable[str], depth: int) -> list[str]:
    return [f"{'    ' * depth}{line}" for line in lines]
