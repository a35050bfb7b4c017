"""`explain` answers a support agent: a sentence per event that can be read out, and below it the reason."""

import asyncio
import json

import msgspec
from click.testing import CliRunner, Result

from saving_alerts.commands.explain import explain
from saving_alerts.domain.events import EventType, SavingEvent
from saving_alerts.domain.reasons import Reason
from tests.support.recorded_deployment import RecordedDeployment
from tests.support.sample_events import event


def run_explain(deployment: RecordedDeployment, *arguments: str) -> Result:
    return CliRunner().invoke(explain, arguments, env=deployment.environment)


def test_a_user_gets_a_sentence_per_event_and_below_it_the_reason_in_words(deployment: RecordedDeployment) -> None:
    capped = deployment.decision(1, Reason.CAPPED, cap="1 per user in 24 h", attempts=[])
    asyncio.run(deployment.write_decisions(deployment.decision(0, Reason.PUSHED, status=201), capped))

    result = run_explain(deployment, "--user", "u-1")

    sentences, lines = result.stdout.splitlines()[::2], result.stdout.splitlines()[1::2]
    assert [each.partition("10:1")[2] for each in sentences] == [
        "5 UTC, near m-123: we sent you a push.",
        "6 UTC, near m-123: you had already got all the pushes that we send for now.",
    ]
    assert lines == [
        "    2026-11-23 10:15:02  geofence_entered  m-123  pushed: the push was accepted (status 201)",
        (
            "    2026-11-23 10:16:02  geofence_entered  m-123  "
            "capped: the user has had all pushes allowed for now (cap 1 per user in 24 h)"
        ),
    ]
    assert result.exit_code == 0


def test_it_is_told_in_german_and_for_machines(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_decisions(deployment.decision(0, Reason.NO_COUPON)))

    german = run_explain(deployment, "--user", "u-1", "--language", "de")
    (found,) = json.loads(run_explain(deployment, "--user", "u-1", "--language", "de", "--json").stdout)

    assert "um 10:15 Uhr UTC, in der Nähe von m-123: Es gab keinen Gutschein" in german.stdout
    assert found["sentence"] == german.stdout.splitlines()[0]


def test_nobody_else_s_events_are_told(deployment: RecordedDeployment) -> None:
    others = [deployment.decision(offset, Reason.NO_COUPON, f"u-{offset}") for offset in range(2, 12)]
    asyncio.run(
        deployment.write_decisions(deployment.receipt((20, 29)), *others, deployment.decision(1, Reason.EXPIRED, "u-1"))
    )

    result = run_explain(deployment, "--user", "u-1")

    assert len(result.stdout.splitlines()) == 2
    assert "expired" in result.stdout


def test_an_event_is_found_whoever_s_it_is(deployment: RecordedDeployment) -> None:
    decisions = [deployment.decision(offset, Reason.NO_COUPON, f"u-{offset}") for offset in range(8)]
    asyncio.run(deployment.write_decisions(*decisions))

    result = run_explain(deployment, "--event", "e-5", "--json")

    (found,) = json.loads(result.stdout)
    assert found["answer"]["user_id"] == "u-5"


def test_an_id_that_stands_elsewhere_in_a_decision_is_no_match(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_decisions(deployment.decision(0, Reason.DUPLICATE, "u-1", of="e-7")))

    result = run_explain(deployment, "--event", "e-7")

    assert "Nothing was decided" in result.stdout


def test_an_echo_changes_no_answer_and_is_shown_in_full(deployment: RecordedDeployment) -> None:
    pushed, echo = deployment.decision(0, Reason.PUSHED, status=201), deployment.decision(0, Reason.CAPPED, seconds=1)
    asyncio.run(deployment.write_decisions(pushed, echo))

    short, full = run_explain(deployment, "--user", "u-1"), run_explain(deployment, "--user", "u-1", "--full")

    assert "capped" not in short.stdout
    assert "pushed: the push was accepted (status 201)" in full.stdout
    assert "    echoes\n        capped: the user has had all pushes allowed for now" in full.stdout
    assert f"    decision {pushed.decision_id} by w-1" in full.stdout


def test_what_was_decided_before_the_time_asked_about_is_left_out(deployment: RecordedDeployment) -> None:
    before = deployment.decision(0, Reason.NO_COUPON, seconds=-7200)
    asyncio.run(deployment.write_decisions(before, deployment.decision(1, Reason.NO_CONSENT)))

    result = run_explain(deployment, "--user", "u-1", "--since", "1h")

    assert "no_consent" in result.stdout
    assert "no_coupon" not in result.stdout


def test_an_echo_within_the_time_asked_about_brings_the_answer_from_before(deployment: RecordedDeployment) -> None:
    pushed = deployment.decision(0, Reason.PUSHED, seconds=-3700)
    asyncio.run(deployment.write_decisions(pushed, deployment.decision(0, Reason.CAPPED, seconds=-10)))

    result = run_explain(deployment, "--user", "u-1", "--since", "1h")

    assert "pushed: the push was accepted" in result.stdout


def test_nothing_found_says_what_that_can_mean(deployment: RecordedDeployment) -> None:
    result = run_explain(deployment, "--user", "u-404", "--since", "30m")

    assert "Nothing was decided about user u-404 in the last 30 minutes" in result.stdout
    assert "receipts" in result.stdout
    assert deployment.topics.decisions.name in result.stdout
    assert result.exit_code == 0


def test_all_also_names_events_that_trigger_nothing_and_those_not_decided_yet(deployment: RecordedDeployment) -> None:
    ours = [event(EventType.APP_OPENED, user_id="u-1"), numbered(1), numbered(2)]
    asyncio.run(deployment.produce_events(*ours, event(user_id="u-2"), event(EventType.APP_OPENED, user_id="u-2")))
    asyncio.run(
        deployment.write_decisions(deployment.receipt((0, 0), (4, 4)), deployment.decision(1, Reason.NO_COUPON))
    )

    result = run_explain(deployment, "--user", "u-1", "--all")

    opened, visited, waiting = result.stdout.splitlines()[1::2]
    assert opened.endswith(
        "app_opened  m-1  not_a_trigger: no current rule listens to events of this type (receipt yes)"
    )
    assert "no_coupon" in visited
    assert waiting.endswith(f"geofence_entered  m-1  not decided yet, at {deployment.position(2)}")


def test_all_takes_no_receipt_of_another_partition_for_it(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.produce_events(event(user_id="u-1"), partition=2))
    asyncio.run(deployment.write_decisions(deployment.receipt((0, 9), partition=1)))

    assert "not decided yet" in run_explain(deployment, "--user", "u-1", "--all").stdout


def test_all_finds_a_decision_that_does_not_say_whose_it_is(deployment: RecordedDeployment) -> None:
    """What nobody could read is decided by its position alone."""
    asyncio.run(deployment.produce_events(numbered(0)))
    nameless = msgspec.structs.replace(deployment.decision(0, Reason.DEAD_LETTER, user=None), event_id=None)
    asyncio.run(deployment.write_decisions(nameless))

    short, everything = run_explain(deployment, "--user", "u-1"), run_explain(deployment, "--user", "u-1", "--all")

    assert "Nothing was decided" in short.stdout
    (_, line) = everything.stdout.splitlines()
    assert "dead_letter: something failed that nobody foresaw" in line


def test_all_finds_an_event_by_its_id_beside_what_nobody_can_read(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.produce_events(b"\xff", b'{"event_id": 7}', event(EventType.APP_OPENED)))
    asyncio.run(deployment.write_decisions(deployment.receipt((2, 2))))

    found = json.loads(run_explain(deployment, "--event", "event-7", "--all", "--json").stdout)

    (explanation,) = found["explanations"]
    assert (explanation["answer"]["reason"], explanation["answer"]["user_id"]) == ("not_a_trigger", "u-1")
    assert found["undecided"] == []


def test_all_that_finds_nothing_has_looked_everywhere(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.produce_events(event(user_id="u-2")))

    result = run_explain(deployment, "--user", "u-1", "--all", "--since", "1h")

    assert f"No event of user u-1 is on {deployment.topics.source.name} in the last hour" in result.stdout


def test_whose_events_must_be_said() -> None:
    result = CliRunner().invoke(explain, [])

    assert "Give --user or --event" in result.stderr
    assert result.exit_code == 2


def test_all_takes_no_answer_about_a_former_topic_for_it(deployment: RecordedDeployment) -> None:
    """The source was deleted and made again: what is on record about its offsets is about other events."""
    asyncio.run(deployment.produce_events(numbered(0), event(EventType.APP_OPENED, user_id="u-1")))
    former = msgspec.structs.replace(deployment.decision(0, Reason.PUSHED), event_id="of-the-former-topic")
    receipt = msgspec.structs.replace(deployment.receipt((1, 1)), written_ms=(1_000, 2_000))
    asyncio.run(deployment.write_decisions(former, receipt))

    lines = run_explain(deployment, "--user", "u-1", "--all").stdout.splitlines()[1::2]

    assert sum("not decided yet" in line for line in lines) == 2
    assert sum("pushed" in line for line in lines) == 1


def numbered(offset: int) -> SavingEvent:
    """As the deployment's decisions call the event at this offset."""
    return msgspec.structs.replace(event(user_id="u-1"), event_id=f"e-{offset}")
