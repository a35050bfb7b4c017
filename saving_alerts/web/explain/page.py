"""The page of a look as HTML: each event with its sentence, its waterfall, and all that its decision says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.sentences.clock import ShopperClock
from saving_alerts.domain.sentences.language import Language
from saving_alerts.domain.sentences.telling import WORDS, sentence
from saving_alerts.domain.texts.calendars import precise_time_text, short_span_text
from saving_alerts.ledger.decision_parts import (
    StageBar,
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
from saving_alerts.web.explain.questions import Question
from saving_alerts.web.explain.rendering import rendered

MAX_SHOWN = 200  # events of a page, the newest: nobody reads more at a time
LEAST_WIDTH = 0.4  # percent, so that what took a millisecond can be seen


@dataclass(frozen=True, slots=True)
class Span:
    """One bar of a waterfall, in percent of all the time from the event to its decision."""

    kind: str
    left: str
    width: str


@dataclass(frozen=True, slots=True)
class Row:
    """One stage: the shopper's time at which it began, its name, and its waiting and work in words and as bars."""

    at: str
    stage: str
    waited: str
    worked: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event on the page; `parts` are lists of texts by their labels."""

    sentence: str
    language: str
    utc: str
    decision: Decision
    reason_text: str
    rows: Sequence[Row]
    parts: Sequence[tuple[str, Sequence[str]]]
    again: str


@dataclass(frozen=True, slots=True)
class Again:
    """What today's rules say: a sentence to the shopper, if there is one, and in English what it is based on."""

    note: str
    sentence: str = ""


def explain_html(
    question: Question, found: Sequence[Explanation], now: datetime, *, cut: bool = False, again: Again | None = None
) -> str:
    """The page of a look. `cut`: there are older decisions that were not looked at. `again`: as today's rules say."""
    newest = list(reversed(found))[:MAX_SHOWN]
    return rendered(
        "explain.html",
        question=question,
        events=[_shown(each, question, now) for each in newest],
        left_out=len(found) - len(newest),
        cut=cut,
        again=again,
        text_language=str(question.language),
    )


def _shown(explanation: Explanation, question: Question, now: datetime) -> ShownEvent:
    decision = explanation.answer
    return ShownEvent(
        sentence=sentence(decision, question.language, now),
        language=str(question.language),
        utc=f"{in_utc(explanation.happened_at):%Y-%m-%d %H:%M:%S}",
        decision=decision,
        reason_text=decision.reason.row.text,
        rows=_rows(decision, question.language, now),
        parts=_parts(explanation),
        again=_again_address(decision, question),
    )


def _parts(explanation: Explanation) -> list[tuple[str, list[str]]]:
    """In English: they are for us, and name fields as they are named everywhere."""
    decision = explanation.answer
    parts = [
        ("attempts", [str(each) for each in attempts_of(decision)]),
        ("rules that said no", [str(each) for each in clauses_of(decision)]),
        ("held up by", held_of(decision)),
        ("details", [other_details(decision)]),
        ("versions", [versions_of(decision)]),
        ("echoes", counted(in_words(echo) for echo in explanation.echoes)),
        ("where", [f"{decision.position}, decided by {decision.worker} in {decision.stage}"]),
    ]
    return [(label, shown) for label, texts in parts if (shown := [text for text in texts if text])]


def _rows(decision: Decision, language: Language, now: datetime) -> list[Row]:
    bars = stage_bars(decision)
    if not bars:
        return []
    words = WORDS[language]
    clock = ShopperClock.of(decision.timezone, words, now)
    begun = bars[0].begun_at - bars[0].waited
    whole = max(bars[-1].begun_at + bars[-1].worked - begun, timedelta(milliseconds=1))
    return [
        Row(
            at=precise_time_text(clock.local(bar.begun_at)),
            stage=words.stages[bar.stage],
            waited=short_span_text(bar.waited, words.locale),
            worked=short_span_text(bar.worked, words.locale),
            spans=_spans(bar, begun, whole),
        )
        for bar in bars
    ]


def _spans(bar: StageBar, begun: datetime, whole: timedelta) -> tuple[Span, Span]:
    started = (bar.begun_at - begun) / whole * 100
    waited, worked = bar.waited / whole * 100, bar.worked / whole * 100
    return _span("waited", started - waited, waited), _span("worked", started, worked)


def _span(kind: str, left: float, width: float) -> Span:
    """Within the picture, whatever the clocks of the workers said."""
    shown = min(max(width, LEAST_WIDTH if kind == "worked" else 0), 100)
    return Span(kind, f"{min(max(left, 0), 100 - shown):.2f}", f"{shown:.2f}")


def _again_address(decision: Decision, question: Question) -> str:
    """Relative, so that it holds behind any prefix; empty for an event that nobody can name."""
    if decision.event_id is None or decision.user_id is None:
        return ""
    asked = {"user": decision.user_id, "event": decision.event_id, "days": question.days, "again": 1}
    return "?" + urlencode(asked | {"language": str(question.language)})
