"""A decision as a sentence that can be read to the shopper. What a decision does not say is left out.

Decisions are read back from a topic, so whatever stands in their details may be of any shape.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial

from saving_alerts.domain.decisions import COUNTS_CONTROL, Decision, PushText, Stage, Subject
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.sentences.clock import ShopperClock
from saving_alerts.domain.sentences.english import WORDS as ENGLISH
from saving_alerts.domain.sentences.german import WORDS as GERMAN
from saving_alerts.domain.sentences.language import Language, Words
from saving_alerts.domain.texts.calendars import span_text, time_text
from saving_alerts.domain.texts.plain import cut, plain

WORDS: Mapping[Language, Words] = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}
MAX_NAME_CHARACTERS = 200  # as of the merchant directory
MAX_TEXT_CHARACTERS = 400  # of a push: its title and body have 320
# A message that took longer to reach us says why it was too late.
LONG_ON_THE_WAY = timedelta(minutes=2)
_CAP = re.compile(r"([1-9][0-9]{0,5}) per (user|user_and_merchant) in ([0-9]{1,5}(?:\.[0-9]{1,6})?) h")
_CLOSES = re.compile(r"the store closes at ([0-9]{2}:[0-9]{2}) of its clock")
_STORE_HOURS = {"the store is closed": "store_closed", "nobody knows when the store is open": "store_unknown"}
_ENDING_CLAUSES = (Clause.OPEN_FOR_MINUTES, Clause.ACTIVE_UNTIL)  # that can end an alert before its event's deadline
_CLAUSES = {str(clause): place for place, clause in enumerate(Clause)}


def sentence(decision: Decision, language: Language, now: datetime) -> str:
    """One or more sentences in one line; `now` is when they are read, for "tomorrow" and "was possible"."""
    words = WORDS[language]
    clock = ShopperClock.of(decision.timezone, words, now)
    return _led(decision, decision.merchant_name, _Telling(decision, words, clock).told(), clock)


def undecided_sentence(subject: Subject, language: Language, now: datetime) -> str:
    """Of an event that has no decision yet."""
    words = WORDS[language]
    clock = ShopperClock.of(subject.timezone, words, now)
    return _led(subject, subject.merchant_name, words.told["not_decided"], clock)


def would_send_sentence(decision: Decision, text: PushText, language: Language, now: datetime) -> str:
    """Of an event whose push other rules would want."""
    words = WORDS[language]
    clock = ShopperClock.of(decision.timezone, words, now)
    return _led(decision, decision.merchant_name, words.told["again"].format(text=_as_read(text)), clock)


def _led(about: Decision | Subject, name: str | None, told: str, clock: ShopperClock) -> str:
    when = clock.lead(about.occurred_at or (about.decided_at if isinstance(about, Decision) else None))
    merchant = _merchant(name, about.merchant_id)
    told = told[:1].upper() + told[1:] if clock.words.capital_after_colon else told
    places = clock.words.places
    place = places.get(about.event_type or "", places["other"])
    if not merchant and "{merchant}" in place:
        return clock.words.leads["without_place"].format(when=when, told=told)
    return clock.words.leads["with_place"].format(when=when, place=place.format(merchant=merchant), told=told)


def _merchant(name: str | None, merchant_id: str | None) -> str:
    """Empty where nobody can say."""
    return cut(plain(name or "") or plain(merchant_id or ""), MAX_NAME_CHARACTERS)


@dataclass(frozen=True, slots=True)
class _Telling:
    decision: Decision
    words: Words
    clock: ShopperClock

    def told(self) -> str:
        return self._more() or self.words.reasons[self.decision.reason]

    def _more(self) -> str | None:
        """What a decision of this reason says beyond it; None if it does not."""
        known: dict[Reason, Callable[[], str | None]] = {
            Reason.PUSHED: self._with_text,
            Reason.WOULD_PUSH: self._with_text,
            Reason.PUSH_UNCERTAIN: self._with_text,
            Reason.CAPPED: self._capped,
            Reason.DUPLICATE: partial(self._if_told, COUNTS_CONTROL, "duplicate_control"),
            Reason.OUTBID: partial(self._if_told, COUNTS_CONTROL, "outbid_control"),
            Reason.QUIET_HOURS: self._quiet_hours,
            Reason.RULE_REFUSED: self._refused,
            Reason.EXPIRED: self._expired,
            Reason.NO_CONSENT: partial(self._if_told, "consent", "opted_out"),
            Reason.PUSH_REFUSED: partial(self._if_told, "device_gone", "device_gone"),
        }
        tell = known.get(self.decision.reason)
        return tell() if tell else None

    def _if_told(self, detail: str, name: str) -> str | None:
        return self.words.told[name] if detail in self.decision.details else None

    def _with_text(self) -> str | None:
        text = self.decision.text
        if text is None:
            return None
        return self.words.told[str(self.decision.reason)].format(text=_as_read(text))

    def _capped(self) -> str | None:
        cap = _CAP.fullmatch(str(self.decision.details.get("cap")))
        until = _moment(self.decision.details.get("until"))
        if cap is None or until is None:
            return None
        pushes, per, window = int(cap[1]), cap[2], timedelta(hours=float(cap[3]))
        kind = "capped_once" if pushes == 1 else "capped_often"
        merchant = _merchant(self.decision.merchant_name, self.decision.merchant_id)
        if per == "user_and_merchant" and merchant:
            kind += "_merchant"
        if COUNTS_CONTROL in self.decision.details:  # what was left out nobody has got
            kind = "capped_control"
        if until <= self.clock.now:
            kind += "_before"
        at = self.clock.at(until - window)  # the cap is free again a window after the push that counts
        span = span_text(window, self.words.locale)
        return self.words.told[kind].format(
            pushes=pushes, span=span, at=at, until=self.clock.since(until), merchant=merchant
        )

    def _quiet_hours(self) -> str | None:
        """Of an older release the decision does not say from when to when."""
        found = self.decision.details.get("quiet_hours")
        if not isinstance(found, dict):
            return None
        start, end = _time(found.get("from")), _time(found.get("until"))
        return None if start is None or end is None else self._between(QuietHours(start, end), found)

    def _between(self, quiet: QuietHours, found: Mapping[str, object]) -> str:
        """Rules are applied a while after the event: where it was not quiet yet when it happened, that is told."""
        happened, then = self.decision.occurred_at, _local_time(found.get("local_time"))
        was_quiet = happened is None or quiet.covers(self.clock.local(happened).time())
        spoken = {"from": self._time(quiet.start), "until": self._time(quiet.end)}
        if was_quiet or then is None:
            return self.words.told["quiet_hours"].format(**spoken)
        return self.words.told["quiet_hours_by_then"].format(then=self._time(then), **spoken)

    def _time(self, of_day: time) -> str:
        today = self.clock.now.replace(hour=of_day.hour, minute=of_day.minute)
        return time_text(today, self.words.locale)

    def _refused(self) -> str | None:
        """Of all rules the one that came furthest: what was missing there is what was missing."""
        refusals = self.decision.details.get("refusals")
        named = _clauses(refusals) if isinstance(refusals, list) else []
        furthest = max(named, key=lambda each: _CLAUSES[each[0]], default=None)
        if furthest is None:
            return None
        clause, because = furthest
        of_store = self._store_hours(because) if clause == Clause.OPEN_FOR_MINUTES else None
        return of_store or self.words.clauses[Clause(clause)]

    def _store_hours(self, because: str) -> str | None:
        """What `store_hours.in_words` said of the store."""
        kind = next((kind for begin, kind in _STORE_HOURS.items() if because.startswith(begin)), None)
        if kind is not None:
            return self.words.told[kind]
        closes = _CLOSES.fullmatch(because)
        of_day = None if closes is None else _time(closes[1])
        return None if of_day is None else self.words.told["store_closes"].format(closes=self._time(of_day))

    def _expired(self) -> str | None:
        decision, told = self.decision, self.words.told
        if "consent" in decision.details:
            return told["expired_consent"]
        if (held := _held_for(decision)) is not None:
            return told["expired_held_for"].format(span=self._span(held))
        if {"throttle", "answer"} & decision.details.keys():
            return told["expired_held"]
        if (ended := decision.details.get("deadline_by")) in _ENDING_CLAUSES:
            return told[f"expired_{ended}"]
        on_the_way = _on_the_way(decision)
        if decision.stage is Stage.VALIDATE and on_the_way >= LONG_ON_THE_WAY:
            return told["expired_on_the_way"].format(span=self._span(on_the_way))
        return None

    def _span(self, span: timedelta) -> str:
        return span_text(span, self.words.locale)


def _as_read(text: PushText) -> str:
    return cut(": ".join(filter(None, (plain(text.title), plain(text.body)))), MAX_TEXT_CHARACTERS)


def _clauses(refusals: Sequence[object]) -> list[tuple[str, str]]:
    """Each with what is said beyond it, or an empty text."""
    found = ((each.get("clause"), each.get("because", "")) for each in refusals if isinstance(each, dict))
    return [(clause, str(because)) for clause, because in found if isinstance(clause, str) and clause in _CLAUSES]


def _held_for(decision: Decision) -> timedelta | None:
    """The longest that one dependency held the event."""
    seconds = [each.seconds for each in getattr(decision, "held_by", ())]
    return timedelta(seconds=max(seconds)) if seconds else None


def _on_the_way(decision: Decision) -> timedelta:
    if decision.occurred_at is None or decision.read_at is None:
        return timedelta(0)
    return decision.read_at - decision.occurred_at


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None and 2000 <= moment.year <= 2200 else None  # noqa: PLR2004 - far from the edges of a date


def _local_time(text: object) -> time | None:
    try:
        return datetime.fromisoformat(text).time() if isinstance(text, str) else None
    except ValueError:
        return None


def _time(text: object) -> time | None:
    try:
        return time.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
