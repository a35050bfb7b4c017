"""What many ask for at once and is computed for all of them together."""

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Generic, TypeVar

MAX_AGE_SECONDS = 1.0

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """A value at most `max_age_seconds` old, by `seconds`. It is not computed more often, and only if somebody asks."""

    def __init__(
        self,
        compute: Callable[[], Coroutine[Any, Any, Value]],
        seconds: Callable[[], float] = monotonic,
        max_age_seconds: float = MAX_AGE_SECONDS,
    ) -> None:
        self._compute = compute
        self._seconds = seconds
        self._max_age_seconds = max_age_seconds
        self._task: asyncio.Task[Value] | None = None
        self._begun_at = 0.0

    async def get(self) -> Value:
        """Who asks while it is computed waits for it; who goes away does not stop it. A failure is not kept."""
        now = self._seconds()
        if self._task is None or self._is_over(self._task, now):
            self._task, self._begun_at = asyncio.create_task(self._compute()), now
        return await asyncio.shield(self._task)

    def _is_over(self, task: asyncio.Task[Value], now: float) -> bool:
        return task.done() and (
            now - self._begun_at >= self._max_age_seconds or task.cancelled() or task.exception() is not None
        )
