"""All that a decision says, part by part, and nothing of what it does not."""

from datetime import timedelta

import msgspec
import pytest

from saving_alerts.domain.decisions import StageTimes, Versions
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.sentences.language import Language
from saving_alerts.ledger.decision_parts import attempts_of, clauses_of, other_details, stage_bars, versions_of
from saving_alerts.ledger.explaining import Explanation
from saving_alerts.ledger.full_texts import full_lines
from tests.support.sample_decisions import HAPPENED, decision


def test_each_stage_has_its_waiting_and_its_work() -> None:
    bars = stage_bars(decision(Reason.PUSHED))

    milliseconds = [
        (bar.stage, bar.waited // timedelta(milliseconds=1), bar.worked // timedelta(milliseconds=1)) for bar in bars
    ]
    assert milliseconds == [
        ("validate", 884, 3),
        ("query_coupons", 9, 210),
        ("evaluate_rules", 8, 1),
        ("dispatch_push", 9, 1200),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"timeline": ()},
        {"read_at": None},
        {"timeline": (StageTimes("sleep", 0, 1),)},
        {"timeline": (StageTimes("validate", 0, 10**18),)},
    ],
)
def test_a_timeline_that_is_not_there_or_not_ours_is_none(changes: dict[str, object]) -> None:
    assert stage_bars(msgspec.structs.replace(decision(Reason.PUSHED), **changes)) == []


def test_a_clock_that_is_behind_makes_no_negative_span() -> None:
    behind = (StageTimes("validate", 0, 3), StageTimes("query_coupons", -50, -60))

    (_, bar) = stage_bars(msgspec.structs.replace(decision(Reason.PUSHED), timeline=behind))

    assert (bar.waited, bar.worked) == (timedelta(0), timedelta(0))


def test_each_attempt_is_told_once_with_its_count() -> None:
    attempts = ["unclear: timeout", "unclear: timeout", "throttled for 1 s", "unclear: timeout", 7, "accepted 201"]

    found = list(map(str, attempts_of(decision(Reason.PUSHED, attempts=attempts))))

    assert found == ["unclear: timeout (2 times)", "throttled for 1 s", "unclear: timeout", "accepted 201"]


def test_what_failed_at_the_coupon_api_is_told_before_the_pushes_and_not_among_the_details() -> None:
    failed = {"HTTP 500": 12, "gave no answer within 4 s": 1, "odd": "?"}
    decided = decision(Reason.PUSHED, coupon_api_failures=failed, attempts=["accepted 201"])

    found = list(map(str, attempts_of(decided)))

    assert found == ["Coupon API: HTTP 500 (12 times)", "Coupon API: gave no answer within 4 s", "accepted 201"]
    assert "HTTP 500" not in other_details(decided)
    assert attempts_of(decision(Reason.PUSHED, coupon_api_failures="?")) == []


def test_where_a_decision_had_no_room_for_more_attempts_it_is_at_least_as_many() -> None:
    (found,) = attempts_of(decision(Reason.PUSH_UNCERTAIN, attempts=["unclear: timeout"] * 100))

    assert str(found) == "unclear: timeout (at least 100 times)"


def test_each_clause_is_told_with_what_is_known_of_it() -> None:
    refusals = [
        {"rule_id": "a", "clause": "quiet_hours"},
        {"rule_id": "b", "clause": "when", "error": "no such key"},
        "?",
    ]

    found = list(map(str, clauses_of(decision(Reason.QUIET_HOURS, refusals=refusals, asked=False))))

    assert found == ["a: quiet_hours", "b: when (error no such key)"]
    assert other_details(decision(Reason.QUIET_HOURS, refusals=refusals, asked=False)) == "asked no"


def test_all_of_it_stands_under_the_sentence() -> None:
    pushed = decision(Reason.PUSHED, attempts=["accepted 201"], status=201)
    echoes = (decision(Reason.CAPPED), decision(Reason.CAPPED))

    found = full_lines(Explanation(pushed.position, pushed, echoes), Language.GERMAN, HAPPENED)

    assert found == [
        "    event e-1, user u-1, saving-events/3/7",
        "    decision d-1 by w-1, stage dispatch_push",
        "    Ablauf",
        "        21:47:03.120  geschehen",
        "        21:47:04.004  Ereignis prüfen           gewartet 884 ms, gearbeitet 3 ms",
        "        21:47:04.016  nach Gutscheinen fragen   gewartet 9 ms, gearbeitet 210 ms",
        "        21:47:04.234  Regeln anwenden           gewartet 8 ms, gearbeitet 1 ms",
        "        21:47:04.244  Push-Nachricht schicken   gewartet 9 ms, gearbeitet 1,2 Sek.",
        "        21:47:05.620  entschieden",
        "    Versuche",
        "        accepted 201",
        "    Einzelheiten",
        "        status 201",
        "    Versionen",
        "        rules rules-1, merchants merchants-1",
        "    Echos",
        "        capped: the user has had all pushes allowed for now (2 times)",
    ]


def test_the_canary_whose_rules_decided_is_named() -> None:
    tried = Versions(rules="abcdef012345", merchants="m", canary="abcdef012345-a1b2c3")

    found = msgspec.structs.replace(decision(Reason.RULE_REFUSED), versions=tried)

    assert versions_of(found) == "rules abcdef012345, merchants m, canary abcdef012345-a1b2c3"
    assert "canary" not in versions_of(decision(Reason.PUSHED))
