"""A directory that has lost too many merchants is refused until it is accepted, and nothing is noted by mistake."""

import pytest

from saving_alerts.ports.accepted_directory import AcceptedDirectory, Noted
from saving_alerts.reference_data.shrink_guard import ShrinkGuard, too_many_gone
from tests.support.fakes.accepted_directory import FakeAcceptedDirectories
from tests.support.loaders import a_guard

OLD, NEW = "0123456789ab", "ba9876543210"


def directory(merchants: int, version: str = NEW) -> AcceptedDirectory:
    return AcceptedDirectory(version=version, merchants=merchants)


@pytest.mark.parametrize(
    ("last", "new", "max_loss", "refused"),
    [
        (100, 80, 0.2, False),
        (100, 79, 0.2, True),
        (100, 300, 0.2, False),
        (100, 100, 0.0, False),
        (100, 99, 0.0, True),
        (100, 71, 0.29, False),  # in binary 0.29 * 100 is less than 29
        (100, 70, 0.29, True),
        (10, 7, 0.3, False),
        (1, 0, 1.0, False),
        (1_000_000, 1, 1.0, False),
        (4, 3, 0.2, True),
        (0, 0, 0.2, False),
        (2**53 - 1, 1, 0.999, True),
    ],
)
def test_more_than_the_share_is_too_much(*, last: int, new: int, max_loss: float, refused: bool) -> None:
    assert (too_many_gone(directory(new), directory(last, OLD), max_loss) is not None) is refused


def test_a_version_that_was_accepted_is_not_refused_whatever_it_lost() -> None:
    assert too_many_gone(directory(1, OLD), directory(100, OLD), 0.2) is None


@pytest.mark.asyncio
async def test_a_refusal_has_the_numbers_and_what_to_do() -> None:
    guard = a_guard(FakeAcceptedDirectories(directory(208, OLD)))
    await guard.look()

    assert guard.refusal(directory(103)) == (
        f"103 merchants, the last accepted directory (version {OLD}) had 208: more than 20 % are gone; "
        f"if this is meant, run `saving-alerts merchants accept {NEW}`"
    )


class Worker:
    """One that uses what it may, as the loader does it."""

    def __init__(self, directories: FakeAcceptedDirectories) -> None:
        self.guard = ShrinkGuard(directories, 0.2)
        self.used: AcceptedDirectory | None = None

    async def look(self, found: AcceptedDirectory) -> bool:
        """Whether the directory that stands in S3 is in use after a look."""
        await self.guard.look()
        if found != self.used and self.guard.refusal(found) is None:
            self.guard.took(found)
            self.used = found
        if found == self.used:
            await self.guard.confirmed(found)
        return found == self.used


@pytest.mark.asyncio
async def test_the_first_directory_is_taken_noted_and_said_to_be_uncompared_until_it_is() -> None:
    directories = FakeAcceptedDirectories()
    worker = Worker(directories)

    taken = await worker.look(directory(5))
    said = worker.guard.remark
    await worker.look(directory(5))

    assert (taken, directories.noted) == (True, directory(5))
    assert said == "it was not compared with the last accepted directory: no directory was accepted before"
    assert worker.guard.remark is None


@pytest.mark.asyncio
async def test_each_directory_in_use_is_what_the_next_one_is_compared_with() -> None:
    directories = FakeAcceptedDirectories(directory(100, OLD))
    worker = Worker(directories)

    sizes = [await worker.look(directory(size, f"{size:012x}")) for size in (81, 65, 50, 200, 160, 127)]

    assert sizes == [True, True, False, True, True, False]
    assert directories.noted == directory(160, f"{160:012x}")


@pytest.mark.asyncio
async def test_what_somebody_accepted_is_taken_by_everybody() -> None:
    directories = FakeAcceptedDirectories(directory(208, OLD))
    workers = [Worker(directories), Worker(directories)]
    refused = [await each.look(directory(103)) for each in workers]

    await directories.accept(directory(103))

    assert refused == [False, False]
    assert [await each.look(directory(103)) for each in workers] == [True, True]


@pytest.mark.asyncio
async def test_without_redis_a_worker_compares_with_what_it_accepted_itself() -> None:
    directories = FakeAcceptedDirectories()
    worker = Worker(directories)
    await worker.look(directory(208, OLD))
    directories.down = True

    assert [await worker.look(directory(size)) for size in (103, 200)] == [False, True]
    assert worker.guard.remark is None


@pytest.mark.asyncio
async def test_without_redis_and_anything_accepted_a_directory_is_taken_and_that_is_said() -> None:
    directories = FakeAcceptedDirectories(directory(208, OLD))
    directories.down = True
    worker = Worker(directories)

    assert await worker.look(directory(103))
    assert str(worker.guard.remark).endswith("Redis cannot be reached: this fake is down")
    await worker.look(directory(103))
    assert worker.guard.remark is not None


@pytest.mark.asyncio
async def test_a_directory_taken_uncompared_is_compared_once_redis_is_back_and_not_noted_if_it_shrank() -> None:
    directories = FakeAcceptedDirectories(directory(208, OLD))
    directories.down = True
    shrunken, whole = Worker(directories), Worker(directories)
    await shrunken.look(directory(103))
    await whole.look(directory(200))
    directories.down = False

    await shrunken.look(directory(103))

    assert directories.noted == directory(208, OLD)
    assert "would be refused now: 103 merchants, the last accepted directory" in str(shrunken.guard.remark)
    await whole.look(directory(200))
    assert (directories.noted, whole.guard.remark) == (directory(200), None)


@pytest.mark.asyncio
async def test_a_redis_that_lost_the_note_gets_it_back_also_while_another_directory_is_refused() -> None:
    directories = FakeAcceptedDirectories()
    worker = Worker(directories)
    await worker.look(directory(208, OLD))
    await worker.look(directory(103))
    directories.noted = None

    refused = await worker.look(directory(103))

    assert (refused, (await directories.last()).directory) == (False, directory(208, OLD))
    assert not await Worker(directories).look(directory(103))


@pytest.mark.asyncio
async def test_a_late_worker_does_not_put_an_older_directory_in_the_place_of_a_newer_one() -> None:
    directories = FakeAcceptedDirectories(directory(100, OLD))
    late, quick = Worker(directories), Worker(directories)
    await late.guard.look()  # and then it reads S3 for long
    await quick.look(directory(120, "120120120120"))

    late.guard.took(directory(110))
    await late.guard.confirmed(directory(110))

    assert directories.noted == directory(120, "120120120120")


class CountingDirectories(FakeAcceptedDirectories):
    """Counts the writes."""

    writes = 0

    async def replace(self, noted: Noted, directory: AcceptedDirectory) -> bool:
        self.writes += 1
        return await super().replace(noted, directory)


@pytest.mark.asyncio
async def test_what_stands_there_already_is_not_written_again() -> None:
    directories = CountingDirectories(directory(100, NEW))
    worker = Worker(directories)

    for _ in range(3):
        await worker.look(directory(99, NEW))  # another release counts otherwise

    assert directories.writes == 0
