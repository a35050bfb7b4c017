"""A check runs beside the event loop, for a limited time, and keeps nobody from stopping."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from saving_alerts.domain.rules_file.mistakes import NotCheckedInTimeError, RulesRefusedError
from saving_alerts.reference_data.file_check import FileCheck
from tests.support.until import until

Look = Callable[[], None]
ENOUGH_SECONDS = 30


class Stuck:
    """A check that neither ends nor looks at its time until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.began = threading.Event()
        self.ended_by: Exception | None = None

    def __call__(self, look: Look) -> str:
        self.began.set()
        self.released.wait(ENOUGH_SECONDS)
        try:
            look()
        except NotCheckedInTimeError as error:
            self.ended_by = error
            raise
        return "checked"


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    check = Stuck()
    yield check
    check.released.set()


class Panic(BaseException):
    """As native code raises it."""


def panicking(_: Look) -> str:
    raise Panic("index out of bounds")


def refusing(_: Look) -> str:
    raise RulesRefusedError(["$: no"])


def has_ended() -> bool:
    return all(thread.name != "file check" for thread in threading.enumerate())


@pytest.mark.asyncio
async def test_it_gives_what_the_check_returns() -> None:
    assert await FileCheck[str](ENOUGH_SECONDS).run(lambda _: "checked") == "checked"


@pytest.mark.asyncio
async def test_it_raises_what_the_check_raises() -> None:
    with pytest.raises(RulesRefusedError, match=r"\$: no"):
        await FileCheck[str](ENOUGH_SECONDS).run(refusing)


@pytest.mark.asyncio
async def test_a_panic_of_native_code_is_a_refusal() -> None:
    with pytest.raises(RulesRefusedError, match=r"\$: cannot be checked \(Panic: index out of bounds\)"):
        await FileCheck[str](ENOUGH_SECONDS).run(panicking)


@pytest.mark.asyncio
async def test_one_after_the_other_are_all_checked() -> None:
    check = FileCheck[str](ENOUGH_SECONDS)

    assert [await check.run(lambda _: "checked") for _ in range(50)] == ["checked"] * 50


@pytest.mark.asyncio
async def test_a_check_that_takes_too_long_is_a_refusal_that_says_so(stuck: Stuck) -> None:
    with pytest.raises(NotCheckedInTimeError, match=r"\$: not checked within 0.01 s: refused, and checked again later"):
        await FileCheck[str](0.01).run(stuck)


@pytest.mark.asyncio
async def test_there_is_never_a_second_check_beside_one_that_does_not_end(stuck: Stuck) -> None:
    check = FileCheck[str](0.01)
    with pytest.raises(NotCheckedInTimeError):
        await check.run(stuck)

    with pytest.raises(NotCheckedInTimeError, match="the check of an earlier file has not ended yet"):
        await check.run(lambda _: "checked")
    stuck.released.set()
    await until(has_ended)

    assert await check.run(lambda _: "checked") == "checked"


@pytest.mark.asyncio
async def test_a_check_that_nobody_waits_for_any_more_ends_at_its_next_step(stuck: Stuck) -> None:
    task = asyncio.create_task(FileCheck[str](ENOUGH_SECONDS).run(stuck))
    await until(stuck.began.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    stuck.released.set()
    await until(has_ended)

    assert isinstance(stuck.ended_by, NotCheckedInTimeError)


@pytest.mark.asyncio
async def test_the_end_of_the_process_waits_for_no_check(stuck: Stuck) -> None:
    task = asyncio.create_task(FileCheck[str](ENOUGH_SECONDS).run(stuck))
    await until(stuck.began.is_set)

    assert [thread.daemon for thread in threading.enumerate() if thread.name == "file check"] == [True]
    task.cancel()


def test_a_loop_that_is_closed_meanwhile_is_no_fault(stuck: Stuck, recwarn: pytest.WarningsRecorder) -> None:
    async def leave() -> None:
        task = asyncio.create_task(FileCheck[str](ENOUGH_SECONDS).run(stuck))
        await until(stuck.began.is_set)
        task.cancel()

    asyncio.run(leave())
    stuck.released.set()
    asyncio.run(until(has_ended))

    assert [warning.message for warning in recwarn if "thread" in str(warning.message)] == []
