"""The record that kills its process is found by the notes its owners leave, and then left alone."""

import asyncio
import math

import msgspec
import pytest

from saving_alerts.delivery.poison_pills.commit_metadata import (
    MAX_SKIPPED,
    SUSPICIOUS_DEATHS,
    PartitionMemo,
    PartitionMemos,
    TooManySkippedError,
)
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.poison_pills.finished_ranges import FinishedRanges
from saving_alerts.domain.source_position import SourcePosition
from tests.support.fakes.metadata_store import FakeMetadataStore

pytestmark = pytest.mark.asyncio

HERE = ("saving-events", 3)
THERE = ("saving-events", 4)
OFFSET = 100
KILLER = 117


def event(number: int) -> SourcePosition:
    return SourcePosition("saving-events", 0, number)


async def owner(memory: FakeMetadataStore) -> PoisonPillDetector:
    detector = PoisonPillDetector(memory)
    await detector.admit()
    return detector


async def survives(memory: FakeMetadataStore) -> bool:
    """Whether an owner gets through the records, in order as a stage does. One that dies is cut off where it stands."""
    killed = asyncio.Event()

    async def kill() -> str:
        killed.set()
        await asyncio.Event().wait()
        return "never"

    async def work() -> None:
        detector = await owner(memory)
        for offset in range(OFFSET, KILLER + 1):
            if not detector.skips(HERE, offset, event(offset)):
                await detector.alone(HERE, offset, kill if offset == KILLER else harmless)

    working, dying = asyncio.ensure_future(work()), asyncio.ensure_future(killed.wait())
    await asyncio.wait([working, dying], return_when=asyncio.FIRST_COMPLETED)
    survived = working.done()
    for task in (working, dying):
        task.cancel()
    await asyncio.gather(working, dying, return_exceptions=True)
    return survived


class StoreThatHangs(FakeMetadataStore):
    """Kafka does not answer once a trial is taken back."""

    def __init__(self, notes: PartitionMemos) -> None:
        super().__init__(notes)
        self.hangs = asyncio.Event()

    async def write(self, notes: PartitionMemos) -> None:
        was_on_trial = self.notes[HERE][1].trial is not None
        await super().write(notes)
        if was_on_trial:
            self.hangs.set()
            await asyncio.Event().wait()


async def harmless() -> str:
    return "done"


async def most_at_once(detector: PoisonPillDetector) -> int:
    """How many records of two partitions are at work at the same time, at most."""
    at_work, most = 0, 0

    async def work() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0)
        at_work -= 1

    await asyncio.gather(*(detector.alone(where, OFFSET + n, work) for n in range(5) for where in (HERE, THERE)))
    return most


@pytest.fixture
def memory() -> FakeMetadataStore:
    return FakeMetadataStore({HERE: (OFFSET, PartitionMemo())})


async def test_after_three_deaths_the_record_in_hand_is_accused_and_then_skipped(memory: FakeMetadataStore) -> None:
    deaths = 0
    while not await survives(memory):
        deaths += 1

    assert deaths == SUSPICIOUS_DEATHS + 2
    assert memory.notes[HERE][1].skip == (KILLER,)


async def test_two_records_that_are_each_in_hand_at_one_death_are_not_skipped(memory: FakeMetadataStore) -> None:
    for trial in (KILLER, KILLER + 1, KILLER):
        memory.notes[HERE] = (OFFSET, msgspec.structs.replace(memory.notes[HERE][1], trial=trial))
        await owner(memory)

    assert memory.notes[HERE][1].skip == ()


async def test_an_accused_record_is_forgotten_once_it_is_done(memory: FakeMetadataStore) -> None:
    memory.notes[HERE] = (OFFSET, PartitionMemo(suspect=KILLER))
    detector = await owner(memory)

    detector.progressed(HERE, KILLER)
    still = detector.suspects(HERE)
    detector.progressed(HERE, KILLER + 1)

    assert still
    assert not detector.suspects(HERE)


async def test_while_one_partition_is_suspected_nothing_else_is_at_work_beside_its_record() -> None:
    detector = await owner(
        FakeMetadataStore({HERE: (OFFSET, PartitionMemo(deaths=SUSPICIOUS_DEATHS)), THERE: (OFFSET, PartitionMemo())})
    )

    assert detector.watches(THERE)
    assert await most_at_once(detector) == 1


async def test_copies_of_a_skipped_event_are_skipped_too(memory: FakeMetadataStore) -> None:
    memory.notes[HERE] = (OFFSET, PartitionMemo(skip=(KILLER,)))
    detector = await owner(memory)

    assert detector.skips(HERE, KILLER, event(1))
    assert detector.skips(HERE, KILLER + 1, event(1))
    assert not detector.skips(HERE, KILLER + 2, event(2))


async def test_what_is_done_is_committed_before_a_suspect_is_tried(memory: FakeMetadataStore) -> None:
    memory.notes[HERE] = (OFFSET, PartitionMemo(deaths=SUSPICIOUS_DEATHS))
    detector = await owner(memory)

    await detector.alone(HERE, OFFSET, harmless)

    assert memory.settled == 1


async def test_an_owner_that_ends_well_is_no_death(memory: FakeMetadataStore) -> None:
    for _ in range(10):
        detector = await owner(memory)
        await detector.end_well()

    assert memory.notes[HERE] == (OFFSET, PartitionMemo())


class SlowMemory(FakeMetadataStore):
    """Has the first write, and does not answer."""

    def __init__(self, notes: PartitionMemos) -> None:
        super().__init__(notes)
        self.has_the_first = asyncio.Event()

    async def write(self, notes: PartitionMemos) -> None:
        await super().write(notes)
        if not self.has_the_first.is_set():
            self.has_the_first.set()
            await asyncio.Event().wait()


async def test_nor_is_one_whose_partitions_go_while_its_coming_is_being_written() -> None:
    memory = SlowMemory({HERE: (OFFSET, PartitionMemo(deaths=1))})
    detector = PoisonPillDetector(memory)
    coming = asyncio.ensure_future(detector.admit())
    await memory.has_the_first.wait()

    await detector.end_well()
    coming.cancel()
    detector.begin()

    assert memory.notes[HERE] == (OFFSET, PartitionMemo(deaths=1))


async def test_a_partition_that_moved_on_is_not_suspected(memory: FakeMetadataStore) -> None:
    memory.notes[HERE] = (OFFSET, PartitionMemo(deaths=SUSPICIOUS_DEATHS))
    detector = await owner(memory)
    assert detector.suspects(HERE)

    detector.progressed(HERE, OFFSET + 1)

    assert not detector.suspects(HERE)


async def test_records_of_suspected_partitions_are_tried_one_at_a_time() -> None:
    suspicious = PartitionMemo(deaths=SUSPICIOUS_DEATHS)
    detector = await owner(FakeMetadataStore({HERE: (OFFSET, suspicious), THERE: (OFFSET, suspicious)}))

    assert await most_at_once(detector) == 1


async def test_a_record_that_only_waits_does_not_hold_the_others_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saving_alerts.delivery.poison_pills.detector.ALONE_SECONDS", 0.01)
    memory = FakeMetadataStore({HERE: (OFFSET, PartitionMemo(deaths=SUSPICIOUS_DEATHS))})
    detector = await owner(memory)
    answered = asyncio.Event()

    waiting = asyncio.ensure_future(detector.alone(HERE, OFFSET, answered.wait))
    done = await detector.alone(HERE, OFFSET + 1, harmless)
    answered.set()

    assert done == "done"
    assert await waiting
    assert memory.notes[HERE][1].trial is None


async def test_a_record_that_is_abandoned_while_its_trial_is_taken_back_does_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("saving_alerts.delivery.poison_pills.detector.ALONE_SECONDS", 0.01)
    store = StoreThatHangs({HERE: (OFFSET, PartitionMemo(deaths=SUSPICIOUS_DEATHS))})
    detector = await owner(store)
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    trial = asyncio.ensure_future(detector.alone(HERE, OFFSET, work))
    await store.hangs.wait()
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)

    assert cancelled.is_set()


async def test_a_commit_keeps_only_what_was_not_reached(memory: FakeMetadataStore) -> None:
    memory.notes[HERE] = (OFFSET, PartitionMemo(skip=(OFFSET + 5, OFFSET + 9)))
    detector = await owner(memory)

    assert detector.memo_at(HERE, OFFSET + 6) == PartitionMemo(skip=(OFFSET + 9,))
    assert detector.memo_at(HERE, OFFSET + 10).text() == ""


async def test_a_new_assignment_reads_the_notes_anew(memory: FakeMetadataStore) -> None:
    detector = await owner(memory)
    memory.notes[HERE] = (OFFSET, PartitionMemo(skip=(KILLER,)))

    detector.begin()
    await detector.admit()

    assert detector.skips(HERE, KILLER, event(KILLER))


@pytest.mark.parametrize("text", [None, "", "NONE", '{"deaths": "many"}', '{"version": 2}'])
async def test_somebody_elses_text_is_no_note(text: str | None) -> None:
    assert PartitionMemo.read(text) == PartitionMemo()


async def test_a_partition_remembers_only_so_many_skipped_records() -> None:
    full = PartitionMemo(skip=tuple(range(MAX_SKIPPED)))

    with pytest.raises(TooManySkippedError):
        full.with_skipped(MAX_SKIPPED)

    assert len(full.text()) < math.floor(4096 / 2)


NOTED = FinishedRanges(OFFSET, 7, (1, 40))


class TextStore(FakeMetadataStore):
    """Keeps what Kafka would keep: the text, with what the detector adds to it."""

    detector: PoisonPillDetector

    async def write(self, notes: PartitionMemos) -> None:
        texts = {where: (offset, self.detector.text(where, offset, memo)) for where, (offset, memo) in notes.items()}
        await super().write({where: (offset, PartitionMemo.read(text)) for where, (offset, text) in texts.items()})


async def test_what_is_finished_outlives_owners_that_die_before_they_take_anything() -> None:
    memory = TextStore({HERE: (OFFSET, PartitionMemo(finished=NOTED))})
    for _ in range(2):
        memory.detector = PoisonPillDetector(memory)
        await memory.detector.admit()

    memory.detector.finished.delivered(HERE, OFFSET, 7)

    assert memory.notes[HERE][1] == PartitionMemo(deaths=2, finished=NOTED)
    assert memory.detector.finished.has(HERE, OFFSET + 1)


async def test_and_a_good_end() -> None:
    memory = TextStore({HERE: (OFFSET, PartitionMemo(finished=NOTED))})
    memory.detector = PoisonPillDetector(memory)
    await memory.detector.admit()

    await memory.detector.end_well()

    assert memory.notes[HERE][1] == PartitionMemo(finished=NOTED)


async def test_a_commit_that_goes_no_further_keeps_the_deaths(memory: FakeMetadataStore) -> None:
    memory.notes[HERE] = (OFFSET, PartitionMemo(deaths=1))
    detector = await owner(memory)

    assert detector.memo_at(HERE, OFFSET) == PartitionMemo(deaths=2)
    assert detector.memo_at(HERE, OFFSET + 1) == PartitionMemo()


async def test_of_a_partition_that_was_made_again_nothing_is_finished() -> None:
    memory = TextStore({HERE: (OFFSET, PartitionMemo(finished=NOTED))})
    memory.detector = PoisonPillDetector(memory)
    await memory.detector.admit()
    memory.detector.finished.delivered(HERE, OFFSET, 7)

    memory.detector.forget(HERE)

    assert not memory.detector.finished.has(HERE, OFFSET + 1)
    assert memory.detector.text(HERE, 0, PartitionMemo()) == ""
