"""An S3 bucket: conditional reads with limits of size, memory and time, and conditional writes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, Self, TypedDict

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import ClientError

from saving_alerts.adapters.s3_errors import code_of, readable, translated
from saving_alerts.adapters.s3_session import BoundedSession
from saving_alerts.ports.errors import RefusedError, UnavailableError
from saving_alerts.ports.object_store import MAX_LINE_BYTES, ObjectLines, StoredObject

CHUNK_BYTES = 64 * 1024  # of a body read at a time: with CUT_LINE_BYTES it bounds the memory of `lines`
CUT_LINE_BYTES = MAX_LINE_BYTES + 1  # one byte too many shows the reader that the line was too long
NOT_MODIFIED = "304"
# Of a conditional write: the object has another tag, another write is under way, or the object was deleted.
CHANGED_MEANWHILE = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class S3Policy:
    """Which bucket, and the limits of requests to it.

    `read_timeout_seconds` is from one portion of bytes to the next, `total_timeout_seconds` for a whole object,
    read or written.
    """

    bucket: str
    endpoint_url: str | None = None
    connect_timeout_seconds: float = 2
    read_timeout_seconds: float = 5
    attempts: int = 3
    total_timeout_seconds: float = 300


class _Body(Protocol):
    def iter_chunks(self, chunk_size: int) -> AsyncIterator[bytes]: ...
    def close(self) -> None: ...


class _GetObjectOutput(TypedDict):
    Body: _Body
    ETag: str
    ContentLength: int


class _Client(Protocol):
    """The two operations of boto's client that are used here."""

    async def get_object(self, *, Bucket: str, Key: str, **condition: str) -> _GetObjectOutput: ...  # noqa: N803 - boto's
    async def put_object(self, *, Bucket: str, Key: str, Body: bytes, **condition: str) -> object: ...  # noqa: N803


class S3ObjectStore:
    """The ObjectStore port, with one client from `open` to `close`. Credentials come from the usual AWS variables."""

    def __init__(self, policy: S3Policy) -> None:
        self._policy = policy
        self._resources = AsyncExitStack()
        self._opened: _Client | None = None

    async def open(self) -> None:
        """Make the client. Nothing is sent yet. Raises UnavailableError for incomplete credentials."""
        with translated("S3"):
            client = AioSession().create_client("s3", endpoint_url=self._policy.endpoint_url, config=self._config())
            self._opened = await self._resources.enter_async_context(client)

    async def close(self) -> None:
        self._opened = None
        await self._resources.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def fetch(self, key: str, unless_etag: str | None, max_bytes: int) -> StoredObject | None:
        """See `ObjectStore`. Raises RefusedError for an object of more than `max_bytes`, without reading all of it."""
        async with self._object(key, unless_etag) as answer:
            if answer is None:
                return None
            body = b"".join([chunk async for chunk in _chunks(answer, max_bytes, self._address(key))])
            return StoredObject(body, answer["ETag"])

    @asynccontextmanager
    async def lines(self, key: str, unless_etag: str | None, max_bytes: int) -> AsyncIterator[ObjectLines | None]:
        async with self._object(key, unless_etag) as answer:
            if answer is None:
                yield None
                return
            async with aclosing(_lines(_chunks(answer, max_bytes, self._address(key)))) as lines:
                yield ObjectLines(answer["ETag"], lines)

    async def put(self, key: str, body: bytes) -> None:
        client = self._client
        async with self._request(key):
            with readable(self._address(key)):
                await client.put_object(Bucket=self._policy.bucket, Key=key, Body=body)

    async def put_if(self, key: str, body: bytes, etag: str | None) -> bool:
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        client = self._client
        async with self._request(key):
            try:
                with readable(self._address(key)):
                    await client.put_object(Bucket=self._policy.bucket, Key=key, Body=body, **condition)
            except ClientError as error:
                if code_of(error) in CHANGED_MEANWHILE:
                    return False
                raise
        return True

    @property
    def _client(self) -> _Client:
        if self._opened is None:
            raise RuntimeError("the object store is used before open() or after close()")
        return self._opened

    def _config(self) -> AioConfig:
        return AioConfig(
            connect_timeout=self._policy.connect_timeout_seconds,
            read_timeout=self._policy.read_timeout_seconds,
            retries={"total_max_attempts": self._policy.attempts, "mode": "standard"},
            # The default sends checksums behind the body, which many stores other than Amazon's refuse.
            request_checksum_calculation="when_required",
            http_session_cls=BoundedSession,
        )

    def _address(self, key: str) -> str:
        return f"s3://{self._policy.bucket}/{key}"

    @asynccontextmanager
    async def _request(self, key: str) -> AsyncIterator[None]:
        with translated(self._address(key)):
            async with asyncio.timeout(self._policy.total_timeout_seconds):
                yield

    @asynccontextmanager
    async def _object(self, key: str, unless_etag: str | None) -> AsyncIterator[_GetObjectOutput | None]:
        async with self._request(key):
            answer = await self._get(key, unless_etag)
            try:
                yield answer
            finally:
                if answer is not None:
                    answer["Body"].close()

    async def _get(self, key: str, unless_etag: str | None) -> _GetObjectOutput | None:
        condition, client = {} if unless_etag is None else {"IfNoneMatch": unless_etag}, self._client
        try:
            with readable(self._address(key)):
                answer = await client.get_object(Bucket=self._policy.bucket, Key=key, **condition)
        except ClientError as error:
            if code_of(error) == NOT_MODIFIED:
                return None
            raise
        if not answer.get("ETag"):
            answer["Body"].close()
            raise UnavailableError(f"{self._address(key)}: an answer without an ETag: is that an S3?")
        return answer


async def _chunks(answer: _GetObjectOutput, max_bytes: int, address: str) -> AsyncGenerator[bytes, None]:
    """The body. Raises RefusedError once it is known to be longer, from its header or from what has come."""
    size, come = answer.get("ContentLength", 0), 0
    if size <= max_bytes:
        async for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
            come += len(chunk)
            if come > max_bytes:
                break
            yield chunk
    if max(size, come) > max_bytes:
        raise RefusedError(f"{address}: {max(size, come)} bytes, at most {max_bytes} are allowed")


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    r"""The lines of the chunks, each with its `\n`, cut to CUT_LINE_BYTES."""
    begin = b""  # of a line whose end is in a later chunk
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield (begin + end + b"\n")[:CUT_LINE_BYTES]
            begin = b""
        begin = (begin + rest)[:CUT_LINE_BYTES]
    if begin:
        yield begin
