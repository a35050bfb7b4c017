"""Every decision becomes a sentence that can be read to a shopper, in both languages, whatever others wrote into it."""

import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decisions import Decision, PushText, Stage, Subject
from saving_alerts.domain.events import EventType
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause
from saving_alerts.domain.rules.store_hours import in_words
from saving_alerts.domain.sentences.language import Language
from saving_alerts.domain.sentences.telling import WORDS, sentence, undecided_sentence
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import decode_ledger
from tests.support.sample_decisions import HAPPENED, decision

EN, DE = Language.ENGLISH, Language.GERMAN
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # a Wednesday; in Berlin it is ten
RECORDED = Path(__file__).parents[3] / "recorded" / "0.1.0" / "decisions.jsonl"


def told(language: Language, reason: Reason, now: datetime = NOW, **changes: Any) -> str:  # noqa: ANN401 - of any field
    return sentence(msgspec.structs.replace(decision(reason), **changes), language, now)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_in_both_languages(reason: Reason, language: Language) -> None:
    found = told(language, reason)

    english = "Yesterday at 21:47 your time, near Bakery Nord: "
    german = "Gestern um 21:47 Uhr Ihrer Zeit, in der Nähe von Bakery Nord: "
    assert found.startswith(english if language is EN else german)
    assert found.endswith((".", "”", "“"))
    assert "{" not in found


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("clause", Clause)
def test_every_clause_that_can_refuse_a_rule_has_one(clause: Clause, language: Language) -> None:
    found = told(language, Reason.RULE_REFUSED, details={"refusals": [{"rule_id": "r", "clause": str(clause)}]})

    assert found != told(language, Reason.RULE_REFUSED)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", EventType)
def test_every_event_has_a_place(kind: EventType, language: Language) -> None:
    assert str(kind) in WORDS[language].places


@pytest.mark.parametrize("table", ["leads", "days", "places", "reasons", "told", "clauses", "labels", "stages"])
def test_both_languages_have_the_same_texts_with_the_same_placeholders(table: str) -> None:
    english, german = placeholders(getattr(WORDS[EN], table)), placeholders(getattr(WORDS[DE], table))

    assert english == german


def placeholders(table: Mapping[str, str]) -> dict[str, set[str | None]]:
    return {name: {field for _, field, _, _ in string.Formatter().parse(text) if field} for name, text in table.items()}


def test_quiet_hours_are_told_on_the_shopper_s_clock() -> None:
    details = {"quiet_hours": {"from": "22:00", "until": "08:00", "set_by": "rules_file"}}

    assert told(EN, Reason.QUIET_HOURS, details=details) == (
        "Yesterday at 21:47 your time, near Bakery Nord: we stay quiet from 22:00 to 08:00, so we sent you no push."
    )
    assert told(DE, Reason.QUIET_HOURS, details=details) == (
        "Gestern um 21:47 Uhr Ihrer Zeit, in der Nähe von Bakery Nord: Von 22:00 bis 08:00 Uhr stören wir niemanden, "
        "deshalb haben wir Ihnen keine Push-Nachricht geschickt."
    )


def test_what_became_quiet_on_the_way_is_told() -> None:
    quiet = {"from": "22:00", "until": "08:00", "local_time": "2026-11-24T22:03"}

    assert told(EN, Reason.QUIET_HOURS, details={"quiet_hours": quiet}).endswith(
        ": when we came to it, it was 22:03, and we stay quiet from 22:00 to 08:00, so we sent you no push."
    )
    asleep = HAPPENED + timedelta(hours=1)
    assert ": we stay quiet from 22:00 to 08:00" in told(
        EN, Reason.QUIET_HOURS, details={"quiet_hours": quiet}, occurred_at=asleep
    )


CAPPED: dict[str, object] = {"cap": "1 per user in 24 h", "until": "2026-11-26T13:05:12.000Z"}


def test_a_cap_is_told_with_the_push_that_fills_it_and_when_the_next_is_possible() -> None:
    happened = {"occurred_at": NOW - timedelta(minutes=5), "details": CAPPED}
    now = NOW + timedelta(hours=8)

    assert told(EN, Reason.CAPPED, now, **happened).endswith(
        "you got one push at 14:05; the next is possible from tomorrow 14:05."
    )
    assert told(DE, Reason.CAPPED, now, **happened).endswith(
        "Sie haben um 14:05 Uhr eine Push-Nachricht bekommen; die nächste ist ab morgen 14:05 Uhr möglich."
    )


def test_what_is_over_when_it_is_read_was_possible() -> None:
    found = told(EN, Reason.CAPPED, NOW + timedelta(days=3), details=CAPPED)

    assert found.endswith("you got one push on Wednesday at 14:05; the next was possible from Thursday 14:05.")


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        ("3 per user in 24 h", "you got 3 pushes within 24 hours, which is the most;"),
        ("168 per user in 168 h", "you got 168 pushes within 7 days, which is the most;"),
        ("1 per user_and_merchant in 12 h", "you got one push about Bakery Nord"),
        ("2 per user_and_merchant in 0.5 h", "you got 2 pushes about Bakery Nord within 30 minutes,"),
    ],
)
def test_other_caps_are_told_as_what_they_are(cap: str, expected: str) -> None:
    assert expected in told(EN, Reason.CAPPED, details=CAPPED | {"cap": cap})


def test_nobody_is_told_of_a_push_that_was_left_out() -> None:
    capped, double = CAPPED | {"counts_control": True}, {"of": "saving-events-3@1", "counts_control": True}

    assert "those count that we leave out" in told(EN, Reason.CAPPED, details=capped)
    assert "auch was wir zum vergleich nicht schicken" in told(DE, Reason.CAPPED, details=capped).lower()
    assert "we left that one out" in told(EN, Reason.OUTBID, details={"counts_control": True})
    assert "sent you the push for that one" in told(EN, Reason.OUTBID, details={})
    assert "zum vergleich nicht geschickt" in told(DE, Reason.OUTBID, details={"counts_control": True}).lower()
    assert "work on it only once" in told(EN, Reason.DUPLICATE, details=double)
    assert "bearbeiten es nur einmal" in told(DE, Reason.DUPLICATE, details=double)


@pytest.mark.parametrize("reason", [Reason.PUSHED, Reason.WOULD_PUSH, Reason.PUSH_UNCERTAIN])
def test_the_text_that_was_sent_is_read_out(reason: Reason) -> None:
    text = PushText("20 % bei Bäckerei Nord", "Alle Brote, heute")

    assert told(EN, reason, text=text).endswith("“20 % bei Bäckerei Nord: Alle Brote, heute”")
    assert told(DE, reason, text=text).endswith("„20 % bei Bäckerei Nord: Alle Brote, heute“")


def test_the_rule_that_came_furthest_says_what_was_missing() -> None:
    refusals = [{"clause": "event_types"}, {"clause": "min_discount_percent"}, {"clause": "merchants"}, "?", {}]

    assert told(EN, Reason.RULE_REFUSED, details={"refusals": refusals}).endswith(
        "your coupons there saved too little for a push, so we sent none."
    )


MONDAY = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
SHOP_HOURS = Opening(timezone="Europe/Berlin", hours="Mo 09:00-11:29")


@pytest.mark.parametrize(
    ("opening", "closes", "english", "german"),
    [
        (SHOP_HOURS, MONDAY + timedelta(minutes=14), "the shop was to close at 11:29,", "um 11:29 Uhr schließen,"),
        (SHOP_HOURS, None, "the shop was closed then,", "war gerade geschlossen,"),
        (None, None, "we do not know when this shop is open,", "wir wissen nicht, wann dieses Geschäft"),
    ],
    ids=["closes soon", "closed", "unknown"],
)
def test_what_is_known_of_the_store_s_hours_is_told(
    opening: Opening | None, closes: datetime | None, english: str, german: str
) -> None:
    because = in_words(opening, closes, MONDAY)
    details = {"refusals": [{"rule_id": "r", "clause": "open_for_minutes", "because": because}]}

    assert english in told(EN, Reason.RULE_REFUSED, details=details)
    assert german.lower() in told(DE, Reason.RULE_REFUSED, details=details).lower()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stage": Stage.VALIDATE, "read_at": HAPPENED + timedelta(minutes=12)}, "reached us only 12 minutes later"),
        ({"details": {"throttle": "Redis does not answer"}}, "something that we need was disturbed on our side"),
        ({"details": {"deadline_by": "open_for_minutes"}}, "the shop was closed or about to close"),
        ({"details": {"deadline_by": "active_until"}}, "the offer was over"),
        ({"details": {"consent": "waits until it is read"}}, "we could not make sure in time that you still want"),
        ({}, "by the time we could send you a push it was too late"),
    ],
)
def test_why_it_was_too_late(changes: dict[str, Any], expected: str) -> None:
    assert expected in told(EN, Reason.EXPIRED, **changes)


def test_an_opt_out_and_a_device_that_is_gone_are_told() -> None:
    assert told(EN, Reason.NO_CONSENT, details={"consent": "opted out"}).endswith(
        "you had turned pushes off, so we sent you none."
    )
    assert "Opening the app registers it again" in told(
        EN, Reason.PUSH_REFUSED, details={"device_gone": "Unregistered"}
    )


@pytest.mark.parametrize(
    ("later", "lead"),
    [
        (timedelta(hours=1), "Today at 21:47 your time"),
        (timedelta(hours=20), "Yesterday at 21:47 your time"),
        (timedelta(days=2), "On Tuesday at 21:47 your time"),
        (timedelta(days=7), "On 24 November at 21:47 your time"),
        (timedelta(days=60), "On 24 November 2026 at 21:47 your time"),
    ],
)
def test_the_day_is_told_as_near_as_it_is(later: timedelta, lead: str) -> None:
    assert told(EN, Reason.NO_COUPON, HAPPENED + later).startswith(lead)


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", "", "localtime"])
def test_where_nobody_knows_the_shopper_s_clock_it_is_utc_and_said_so(zone: str | None) -> None:
    assert told(EN, Reason.NO_COUPON, timezone=zone).startswith("Yesterday at 20:47 UTC, near Bakery Nord:")
    assert told(DE, Reason.NO_COUPON, timezone=zone).startswith("Gestern um 20:47 Uhr UTC,")


def test_without_merchant_and_time_it_is_still_a_sentence() -> None:
    bare = Decision(
        decision_id="d", position=SourcePosition("t", 0, 0), stage=Stage.VALIDATE, reason=Reason.INVALID,
        decided_at=NOW, worker="w",
    )  # fmt: skip

    assert (
        sentence(bare, EN, NOW)
        == "Today at 09:00 UTC: what your app told us could not be used, so we sent you no push."
    )


def test_an_event_without_decision_is_told() -> None:
    subject = Subject(event_type="app_opened", occurred_at=HAPPENED, timezone="Europe/Berlin")

    assert undecided_sentence(subject, EN, NOW) == (
        "Yesterday at 21:47 your time, when you opened the app: we are still working on it."
    )


def test_what_0_1_0_has_decided_is_told() -> None:
    lines = [msgspec.json.decode(line)["value"].get("text") for line in RECORDED.read_text("utf-8").splitlines()]
    found = [decode_ledger(line.encode()) for line in lines if line]

    sentences = [sentence(each, language, NOW) for each in found if isinstance(each, Decision) for language in Language]

    assert len(sentences) >= 70
    assert all(each.endswith(".") for each in sentences)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
moments = st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(
    st.sampled_from(list(Reason)),
    st.dictionaries(st.sampled_from(["cap", "until", "quiet_hours", "refusals", "consent"]), json),
    st.none() | moments,
    moments,
    st.none() | st.text(),
    st.none() | st.builds(PushText, st.text(), st.text()),
)
def test_whatever_stands_in_a_decision_it_becomes_a_short_line(
    reason: Reason,
    details: dict[str, object],
    occurred_at: datetime | None,
    now: datetime,
    name: str | None,
    text: PushText | None,
) -> None:
    for language in Language:
        changes = {"occurred_at": occurred_at, "merchant_name": name, "timezone": name, "text": text}
        found = told(language, reason, now, details=details, **changes)

        assert 20 < len(found) < 1500
        assert not set(found) & set("\n\r\t\x1b\u202e")
