"""`dead-letters replay` writes what failed where it stood, and nothing that could do harm."""

import asyncio
from datetime import timedelta

import pytest
from aiokafka import ConsumerRecord
from click.testing import CliRunner, Result

from saving_alerts.commands.dead_letters.group import dead_letters
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.reasons import Reason
from tests.support.recorded_deployment import RecordedDeployment


def replay(deployment: RecordedDeployment, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(dead_letters, ["replay", *arguments], env=deployment.environment, input=answer)


def written(deployment: RecordedDeployment) -> list[ConsumerRecord]:
    """The records of the partition that the dead letters come from."""
    return asyncio.run(deployment.records_on(deployment.topics.validated, 2))


def test_a_dead_letter_is_written_again_as_it_stood(deployment: RecordedDeployment) -> None:
    dead_letter = deployment.dead_letter(4)
    asyncio.run(deployment.write_dead_letters(dead_letter))

    result = replay(deployment, "0:0", "--yes")

    (record,) = written(deployment)
    assert (record.key, record.value, record.headers) == (dead_letter.key, dead_letter.body, dead_letter.headers)
    assert "1 dead letter replayed" in result.stdout
    assert result.exit_code == 0


def test_one_that_is_named_twice_is_written_once(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4), deployment.dead_letter(5)))

    replay(deployment, "0:1", "0:0", "0:1", "--yes")

    assert [dict(record.headers)["event_id"] for record in written(deployment)] == [b"e-5", b"e-4"]


def test_it_asks_first_and_says_what_is_late_already(deployment: RecordedDeployment) -> None:
    late = dict(deployment.dead_letter(4).headers) | {
        "deadline": (deployment.started - timedelta(hours=1)).isoformat().encode()
    }
    asyncio.run(
        deployment.write_dead_letters(deployment.dead_letter(4, headers=tuple(late.items())), deployment.dead_letter(5))
    )

    refused = replay(deployment, "--since", "1h", answer="n\n")
    assert written(deployment) == []
    agreed = replay(deployment, "--since", "1h", answer="y\n")

    assert refused.exit_code == 1
    assert "1 are past their deadline and will end as `expired`" in agreed.stderr
    assert "Replay 2 dead letters?" in agreed.stderr
    assert len(written(deployment)) == 2


def test_a_partition_that_the_topic_does_not_have_is_no_place(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4, partition=77)))

    result = replay(deployment, "0:0", "--yes")

    assert result.exit_code == 2
    assert f"{deployment.topics.validated.name} has no partition 77" in result.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"body_bytes": 300_000}, "only 15 of its 300,000 bytes were kept", id="cut"),
        pytest.param(
            {"topic": "elsewhere"},
            "it stood on elsewhere, which no worker of this deployment reads",
            id="of another deployment",
        ),
        pytest.param({"headers": ()}, "it had not the headers that a stage reads", id="without its headers"),
    ],
)
def test_what_no_worker_could_read_again_is_refused_with_all_beside_it(
    deployment: RecordedDeployment, changes: dict[str, object], message: str
) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4), deployment.dead_letter(5, **changes)))

    result = replay(deployment, "0:0", "0:1", "--yes")

    assert f"0:1: {message}" in result.stderr
    assert result.exit_code == 2
    assert written(deployment) == []


def test_an_event_of_the_source_needs_no_headers(deployment: RecordedDeployment) -> None:
    source = {"topic": deployment.topics.source.name, "partition": 0, "stage": Stage.VALIDATE, "headers": ()}
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4, **source)))

    assert replay(deployment, "0:0", "--yes").exit_code == 0

    assert [record.value for record in asyncio.run(deployment.records_on(deployment.topics.source, 0))] == [
        b'{"event": "it"}'
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"reason": Reason.INVALID}, "it would end as invalid again", id="invalid"),
        pytest.param({"tried": False}, "it killed its worker, or was skipped by hand", id="not tried"),
        pytest.param({"body_bytes": 300_000}, "only 15 of its 300,000 bytes were kept", id="cut"),
    ],
)
def test_of_many_only_those_that_can_be_helped_are_replayed(
    deployment: RecordedDeployment, changes: dict[str, object], message: str
) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4, **changes), deployment.dead_letter(5)))

    result = replay(deployment, "--since", "1h", "--yes")

    assert f"left out 0:0: {message}" in result.stderr
    assert [dict(record.headers)["event_id"] for record in written(deployment)] == [b"e-5"]


def test_of_one_that_failed_again_only_the_last_dead_letter_is_replayed(deployment: RecordedDeployment) -> None:
    again = deployment.dead_letter(4, failed_at=deployment.started + timedelta(seconds=1))
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4), deployment.dead_letter(5), again))

    result = replay(deployment, "--since", "1h", "--yes")

    assert "left out 0:0: it failed again, as 0:2" in result.stderr
    assert [dict(record.headers)["event_id"] for record in written(deployment)] == [b"e-5", b"e-4"]


def test_one_that_was_not_tried_can_be_named(deployment: RecordedDeployment) -> None:
    asyncio.run(deployment.write_dead_letters(deployment.dead_letter(4, tried=False)))

    assert replay(deployment, "0:0", "--yes").exit_code == 0
    assert len(written(deployment)) == 1


def test_nothing_to_replay_is_bad_news(deployment: RecordedDeployment) -> None:
    result = replay(deployment, "--since", "1h", "--yes")

    assert "there is nothing to replay" in result.stderr
    assert result.exit_code == 1


@pytest.mark.parametrize("arguments", [(), ("0:0", "--since", "1h")])
def test_either_names_or_a_time_must_be_given(deployment: RecordedDeployment, arguments: tuple[str, ...]) -> None:
    result = replay(deployment, *arguments)

    assert "Name them, or give --since" in result.stderr
    assert result.exit_code == 2
