"""A coroutine that is begun by whoever has it: most of those that Faust makes a task of never wait for anything."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

from mode import Service
from mode.services import WaitResults
from mode.utils.times import Seconds


class Begun:
    """To be awaited, once, unless it has ended. It runs on from where it waits, also in another task."""

    def __init__(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run it up to where it waits. Raises what it raises."""
        self._coroutine = coroutine
        self.has_ended = False
        self.result: object = None
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration as ended:
            self.has_ended, self.result = True, ended.value

    def __await__(self) -> Generator[Any, Any, object]:
        """As if the coroutine itself was awaited."""
        waits_for = self._waits_for
        try:
            while True:
                try:
                    answer = yield waits_for
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is thrown at the coroutine
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(answer)
        except StopIteration as ended:
            return ended.value


class BeginsAtOnce(Service):
    """Waits as Mode does, without a task for what is already there.

    Mode makes four tasks and cancels three of them for a message that is handed on at once, as nearly all are.
    """

    async def wait_first(self, *waited_for: Any, timeout: Any = None) -> WaitResults:  # noqa: ANN401 - Mode's signature
        first, *others = waited_for
        if not asyncio.iscoroutine(first):
            return await super().wait_first(*waited_for, timeout=timeout)
        begun = None
        try:
            begun = Begun(first)
        finally:
            if begun is None or begun.has_ended:
                for other in filter(asyncio.iscoroutine, others):
                    other.close()
        if not begun.has_ended:
            return await super().wait_first(begun, *others, timeout=timeout)
        has_stopped = self._stopped.is_set() or self._crashed.is_set()
        return WaitResults([], [], stopped=True) if has_stopped else WaitResults([first], [begun.result], stopped=False)

    async def sleep(self, n: Seconds) -> None:
        await (super().sleep(n) if n else asyncio.sleep(0))
