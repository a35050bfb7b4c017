"""As much of a Redis client as reading heartbeats takes, with whatever stands there; it answers at once."""

from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

from redis.exceptions import ResponseError

from tests.fuzzing.packing import Keyed

PREFIX = "heartbeats:"
Result = TypeVar("Result")


class HeartbeatRedis:
    """Both indexes name all keys. A key without a value holds something else than a text."""

    def __init__(self, found: Sequence[Keyed]) -> None:
        self._found = {PREFIX.encode() + key: value for key, value in found}

    async def srandmember(self, name: str, number: int) -> list[bytes]:
        return list(self._found)[:number]

    async def srem(self, name: str, *values: bytes) -> int:
        return len(values)

    def pipeline(self, *, transaction: bool) -> "_Pipeline":
        return _Pipeline(self._found)


class _Pipeline:
    def __init__(self, found: dict[bytes, bytes | None]) -> None:
        self._found = found
        self._answers: list[bytes | ResponseError] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        return None

    def getrange(self, key: bytes, first: int, last: int) -> None:
        value = self._found[key]
        self._answers.append(ResponseError("WRONGTYPE another kind") if value is None else value[first : last + 1])

    async def execute(self, *, raise_on_error: bool) -> list[bytes | ResponseError]:
        return self._answers


def result_of(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Of a coroutine that waits for nothing: without an event loop, which costs more than most readers."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: Result = ended.value
        return result
    coroutine.close()
    raise RuntimeError("it waits for something")
