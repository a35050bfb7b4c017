"""An ObjectStore in memory."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from saving_alerts.ports.errors import MissingObjectError, PortError, RefusedError, UnavailableError
from saving_alerts.ports.object_store import MAX_LINE_BYTES, ObjectLines, StoredObject


class FakeObjectStore:
    """Objects by key. While `failure` is set every call raises it; `bodies_read` names each object that was read.

    `breaks_after_lines`: a stream fails when it has given that many lines.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.failure: PortError | None = None
        self.breaks_after_lines: int | None = None
        self.bodies_read: list[str] = []

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:
        body, etag = self._object(key)
        if etag == unless_etag:
            return None
        if len(body) > max_bytes:
            raise _too_large(key, body, max_bytes)
        self.bodies_read.append(key)
        return StoredObject(body, etag)

    @asynccontextmanager
    async def lines(self, key: str, unless_etag: str | None, max_bytes: int) -> AsyncIterator[ObjectLines | None]:
        body, etag = self._object(key)
        yield None if etag == unless_etag else ObjectLines(etag, self._stream(key, body, max_bytes))

    async def put(self, key: str, body: bytes) -> None:
        self._answer_or_fail()
        self.objects[key] = body

    async def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        self._answer_or_fail()
        found = self._object(key)[1] if key in self.objects else None
        if found == etag:
            self.objects[key] = body
        return found == etag

    async def _stream(self, key: str, body: bytes, max_bytes: int) -> AsyncIterator[bytes]:
        if len(body) > max_bytes:
            raise _too_large(key, body, max_bytes)
        self.bodies_read.append(key)
        lines = [line + b"\n" for line in body.split(b"\n")]
        lines[-1] = lines[-1].removesuffix(b"\n")
        for number, line in enumerate(line for line in lines if line):
            if number == self.breaks_after_lines:
                raise UnavailableError(f"{key}: the connection broke")
            yield line[: MAX_LINE_BYTES + 1]

    def _object(self, key: str) -> tuple[bytes, str]:
        self._answer_or_fail()
        if key not in self.objects:
            raise MissingObjectError(f"{key}: there is no such object")
        body = self.objects[key]
        return body, f'"{hashlib.sha256(body).hexdigest()}"'

    def _answer_or_fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def _too_large(key: str, body: bytes, max_bytes: int) -> RefusedError:
    return RefusedError(f"{key}: {len(body)} bytes, at most {max_bytes} are allowed")
