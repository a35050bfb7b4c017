"""Where a partition is read again after a restart, and what of it waits for what."""

from datetime import timedelta

import pytest
from aiokafka import TopicPartition

from saving_alerts.adapters.partition_results import Beginning, beginning_of, commits_of
from saving_alerts.adapters.results_recorder import RecordingTerms, _Assignment, _hold_responses_back
from saving_alerts.domain.results.join import Committed, Join
from saving_alerts.kafka.client import Commit
from tests.support.sample_results import assigned, response

WINDOW = timedelta(hours=24)
TERMS = RecordingTerms("events", "decisions", "responses", "results", WINDOW, 1_000, timedelta(minutes=2))
DECISIONS, RESPONSES = TopicPartition("decisions", 0), TopicPartition("responses", 0)


@pytest.mark.parametrize(
    ("commit", "beginning"),
    [
        (None, Beginning(0, 0)),
        (Commit(70, "12"), Beginning(12, 70)),
        (Commit(70, "70"), Beginning(70, 70)),
        (Commit(70, ""), Beginning(70, 70)),
        (Commit(70, "71"), Beginning(70, 70)),
        (Commit(70, "-1"), Beginning(70, 70)),
        (Commit(70, "\u0661\u0662"), Beginning(70, 70)),
        (Commit(70, '{"read": 12}'), Beginning(70, 70)),
        (Commit(101, "12"), Beginning(0, 0)),
    ],
    ids=[
        *("no commit", "some is needed", "nothing is needed", "another's commit", "more than committed", "below 0"),
        *("other digits", "a document", "of a topic that was made anew"),
    ],
)
def test_where_reading_begins(commit: Commit | None, beginning: Beginning) -> None:
    assert beginning_of(commit, end=100) == beginning


def test_what_is_remembered_is_needed_again() -> None:
    join = Join(WINDOW, 10)
    join.take_alert(assigned(1), 40)
    join.take_response(response(2, user_id="u-9"), 7)

    assert commits_of(join, 90, 20) == (Commit(90, "40"), Commit(20, "7"))
    assert commits_of(Join(WINDOW, 10), 90, 20) == (Commit(90, "90"), Commit(20, "20"))


def test_while_it_is_read_again_no_commit_goes_back() -> None:
    join = Join(WINDOW, 10, Committed(80, 15))
    join.take_alert(assigned(1), 40)

    assert commits_of(join, 41, 15) == (Commit(80, "40"), Commit(15, "15"))


class Consumer:
    """Of one partition of each; says what is held back."""

    def __init__(self, position: int, highwater: int | None) -> None:
        self._position = position
        self._highwater = highwater
        self.is_held: bool | None = None

    def assignment(self) -> set[TopicPartition]:
        return {DECISIONS, RESPONSES}

    def highwater(self, partition: TopicPartition) -> int | None:
        assert partition == DECISIONS
        return self._highwater

    async def position(self, partition: TopicPartition) -> int:
        assert partition == DECISIONS
        return self._position

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Nobody reads."""

    def pause(self, partition: TopicPartition) -> None:
        assert partition == RESPONSES
        self.is_held = True

    def resume(self, partition: TopicPartition) -> None:
        assert partition == RESPONSES
        self.is_held = False


async def nothing_committed(partitions: object) -> dict[TopicPartition, Commit | None]:
    return {}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("position", "highwater", "is_held"),
    [(5, None, True), (9, None, False), (9, 12, True), (12, 12, False), (13, 12, False)],
    ids=["nothing fetched yet", "at the end of before", "behind", "at the end", "ahead"],
)
async def test_responses_wait_for_the_decisions_of_their_partition(
    position: int,
    highwater: int | None,
    is_held: bool,  # noqa: FBT001 - a row of the table
) -> None:
    consumer = Consumer(position, highwater)
    assignment = _Assignment(consumer, TERMS, nothing_committed)
    assignment.ends = {DECISIONS: 9, RESPONSES: 4}
    assignment.begin(0, {})

    await _hold_responses_back(consumer, assignment)

    assert consumer.is_held is is_held
