"""What every ObjectStore promises, and what the real one adds: it translates each way in which S3 can fail."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import pytest
import pytest_asyncio

from demo.servers.s3 import EmbeddedS3
from saving_alerts.adapters.s3 import CHUNK_BYTES, S3ObjectStore, S3Policy, _lines
from saving_alerts.ports.errors import MissingObjectError, RefusedError, UnavailableError
from saving_alerts.ports.object_store import MAX_LINE_BYTES, ObjectStore, SwappingStore
from tests.support.fakes.object_store import FakeObjectStore

pytestmark = pytest.mark.asyncio

KEY = "rules.json"
ENOUGH_BYTES = 1024 * 1024
IMPATIENT_SECONDS = 0.2
OUTAGE_TEXT = "nobody answers"


class Harness(Protocol):
    """A store, and what others do to its S3."""

    @property
    def store(self) -> SwappingStore: ...
    @property
    def elsewhere(self) -> SwappingStore: ...

    def put(self, body: bytes) -> None: ...
    def delete(self) -> None: ...
    def stop(self) -> None: ...
    def start(self) -> None: ...


class FakeHarness:
    def __init__(self) -> None:
        self.store = FakeObjectStore()
        self.elsewhere = FakeObjectStore()
        self.elsewhere.failure = RefusedError("there is no such bucket", 404)

    def put(self, body: bytes) -> None:
        self.store.objects[KEY] = body

    def delete(self) -> None:
        self.store.objects.clear()

    def stop(self) -> None:
        self.store.failure = UnavailableError(OUTAGE_TEXT)

    def start(self) -> None:
        self.store.failure = None


class RealHarness:
    def __init__(self, s3: EmbeddedS3, store: S3ObjectStore, elsewhere: S3ObjectStore) -> None:
        self.s3 = s3
        self.store = store
        self.elsewhere = elsewhere

    def put(self, body: bytes) -> None:
        self.s3.put(KEY, body)

    def delete(self) -> None:
        self.s3.delete(KEY)

    def stop(self) -> None:
        self.s3.stop()

    def start(self) -> None:
        self.s3.start()


@pytest.fixture(scope="module")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as embedded, pytest.MonkeyPatch.context() as environment:
        for name, value in embedded.environment.items():
            environment.setenv(name, value)
        yield embedded


def policy(endpoint_url: str, bucket: str = EmbeddedS3.bucket) -> S3Policy:
    return S3Policy(bucket, endpoint_url, attempts=1, read_timeout_seconds=IMPATIENT_SECONDS * 10)


@pytest_asyncio.fixture(scope="module")
async def real(s3: EmbeddedS3) -> AsyncIterator[RealHarness]:
    """One for all tests: to open a client takes longer than most of them."""
    here, elsewhere = policy(s3.endpoint_url), policy(s3.endpoint_url, "no-such-bucket")
    async with S3ObjectStore(here) as store, S3ObjectStore(elsewhere) as other:
        yield RealHarness(s3, store, other)


@pytest.fixture(params=["fake", "real"])
def harness(request: pytest.FixtureRequest, real: RealHarness) -> Harness:
    if request.param == "fake":
        return FakeHarness()
    real.delete()
    return real


async def lines_of(
    store: ObjectStore, unless_etag: str | None = None, max_bytes: int = 2 * ENOUGH_BYTES
) -> list[bytes] | None:
    async with store.lines(KEY, unless_etag, max_bytes) as stream:
        return None if stream is None else [line async for line in stream.lines]


async def etag_of(store: ObjectStore) -> str:
    stored = await store.fetch(KEY, None, ENOUGH_BYTES)
    assert stored is not None
    return stored.etag


CALLS: dict[str, Callable[[SwappingStore], Awaitable[object]]] = {
    "fetch": lambda store: store.fetch(KEY, None, ENOUGH_BYTES),
    "lines": lines_of,
    "put": lambda store: store.put(KEY, b"{}"),
    "put_if": lambda store: store.put_if(KEY, b"{}", None),
}
READS = {name: CALLS[name] for name in ("fetch", "lines")}


async def test_fetch_gives_the_object(harness: Harness) -> None:
    harness.put(b"{}")

    stored = await harness.store.fetch(KEY, None, ENOUGH_BYTES)

    assert stored is not None
    assert stored.body == b"{}"


async def test_an_unchanged_object_is_not_fetched_again(harness: Harness) -> None:
    harness.put(b"{}")
    etag = await etag_of(harness.store)

    assert await harness.store.fetch(KEY, etag, ENOUGH_BYTES) is None


async def test_a_changed_object_is_fetched_again(harness: Harness) -> None:
    harness.put(b"{}")
    etag = await etag_of(harness.store)
    harness.put(b"{ }")

    stored = await harness.store.fetch(KEY, etag, ENOUGH_BYTES)

    assert stored is not None
    assert stored.body == b"{ }"


async def test_the_tag_of_a_stream_is_the_tag_of_the_object(harness: Harness) -> None:
    harness.put(b"1\n2\n")

    assert await lines_of(harness.store, await etag_of(harness.store)) is None


async def test_an_object_of_exactly_the_allowed_size_is_fetched(harness: Harness) -> None:
    harness.put(b"x" * 100)

    assert await harness.store.fetch(KEY, None, 100) is not None


async def test_a_larger_object_is_refused_with_both_sizes(harness: Harness) -> None:
    harness.put(b"x" * 101)

    with pytest.raises(RefusedError, match=r"101 bytes, at most 100"):
        await harness.store.fetch(KEY, None, 100)


async def test_a_larger_object_is_not_streamed_either(harness: Harness) -> None:
    harness.put(b"x" * 50 + b"\n" + b"x" * 50)

    with pytest.raises(RefusedError, match=r"101 bytes, at most 100"):
        await lines_of(harness.store, max_bytes=100)
    assert await lines_of(harness.store, max_bytes=101) == [b"x" * 50 + b"\n", b"x" * 50]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(b"", [], id="an empty object"),
        pytest.param(b"one\ntwo\n", [b"one\n", b"two\n"], id="two lines"),
        pytest.param(b"one\ntwo", [b"one\n", b"two"], id="no end of the last line"),
        pytest.param(b"one\n\ntwo", [b"one\n", b"\n", b"two"], id="an empty line"),
        pytest.param(b"o\rn\x0be\r\ntwo", [b"o\rn\x0be\r\n", b"two"], id="other signs that sometimes end a line"),
    ],
)
async def test_lines_come_with_their_ends(harness: Harness, body: bytes, lines: list[bytes]) -> None:
    harness.put(body)

    assert await lines_of(harness.store) == lines


async def test_a_stream_of_many_chunks_is_complete(harness: Harness) -> None:
    body = b"".join(b"%d,%s\n" % (number, b"x" * (number % 700)) for number in range(2_000))
    harness.put(body)

    lines = await lines_of(harness.store)

    assert lines is not None
    assert (len(lines), hashlib.sha256(b"".join(lines)).digest()) == (2_000, hashlib.sha256(body).digest())


@pytest.mark.parametrize("excess", [0, 1, 2, 300_000])
async def test_a_line_too_long_is_cut_and_the_next_is_whole(harness: Harness, excess: int) -> None:
    harness.put(b"x" * (MAX_LINE_BYTES + excess) + b"\nnext\n")

    lines = await lines_of(harness.store)

    first = b"x" * MAX_LINE_BYTES + (b"x" if excess else b"\n")
    assert lines == [first, b"next\n"]


async def test_what_was_put_is_fetched(harness: Harness) -> None:
    await harness.store.put(KEY, b"{}")

    stored = await harness.store.fetch(KEY, None, ENOUGH_BYTES)

    assert stored is not None
    assert stored.body == b"{}"


async def test_an_object_is_replaced_while_its_tag_is_the_one_that_was_read(harness: Harness) -> None:
    harness.put(b"1")
    etag = await etag_of(harness.store)

    answers = [await harness.store.put_if(KEY, body, etag) for body in (b"2", b"3")]

    stored = await harness.store.fetch(KEY, None, ENOUGH_BYTES)
    assert answers == [True, False]
    assert stored is not None
    assert stored.body == b"2"


async def test_an_object_is_made_only_once(harness: Harness) -> None:
    harness.put(b"{}")
    harness.delete()

    answers = [await harness.store.put_if(KEY, body, None) for body in (b"1", b"2")]

    stored = await harness.store.fetch(KEY, None, ENOUGH_BYTES)
    assert answers == [True, False]
    assert stored is not None
    assert stored.body == b"1"


async def test_an_object_that_is_gone_is_not_what_was_read(harness: Harness) -> None:
    harness.put(b"{}")
    etag = await etag_of(harness.store)
    harness.delete()

    assert not await harness.store.put_if(KEY, b"1", etag)


@pytest.mark.parametrize("call", READS.values(), ids=READS)
async def test_an_object_that_is_not_there_is_missing(
    harness: Harness, call: Callable[[SwappingStore], Awaitable[object]]
) -> None:
    harness.put(b"{}")
    harness.delete()

    with pytest.raises(MissingObjectError, match=KEY):
        await call(harness.store)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_bucket_that_is_not_there_refuses(
    harness: Harness, call: Callable[[SwappingStore], Awaitable[object]]
) -> None:
    with pytest.raises(RefusedError) as refusal:
        await call(harness.elsewhere)

    assert refusal.value.status == 404


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_an_outage_is_unavailable_and_passes(
    harness: Harness, call: Callable[[SwappingStore], Awaitable[object]]
) -> None:
    harness.put(b"{}")
    harness.stop()

    with pytest.raises(UnavailableError):
        await call(harness.store)

    harness.start()
    assert await harness.store.fetch(KEY, None, ENOUGH_BYTES) is not None


# What only the real one can show.


@asynccontextmanager
async def answering(answer: bytes, *, then_hang: bool = False) -> AsyncIterator[str]:
    """A server that says the same to everybody and closes the connection, or keeps it open in silence."""
    released = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if then_hang:
            await released.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        released.set()


def head(status: str, length: int) -> bytes:
    return f'HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: "t"\r\n\r\n'.encode()


def failure(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return head(status, len(body)) + body


@pytest.mark.parametrize("call", READS.values(), ids=READS)
@pytest.mark.parametrize(
    ("answer", "then_hang"),
    [
        pytest.param(head("200 OK", 100) + b"half of it\n", False, id="a body that ends too early"),
        pytest.param(head("200 OK", 100) + b"half of it\n", True, id="a body that stands still"),
        pytest.param(b"", True, id="no answer"),
        pytest.param(b"", False, id="a closed connection"),
        pytest.param(b"SMTP ready\r\n\r\n", False, id="another protocol"),
        pytest.param(failure("500 Oops", "InternalError"), False, id="a server error"),
        pytest.param(failure("503 Slow Down", "SlowDown"), False, id="throttled"),
        pytest.param(failure("400 Bad Request", "ExpiredToken"), False, id="credentials about to be renewed"),
    ],
)
async def test_trouble_that_may_pass_is_unavailable(
    s3: EmbeddedS3, call: Callable[[SwappingStore], Awaitable[object]], answer: bytes, *, then_hang: bool
) -> None:
    async with answering(answer, then_hang=then_hang) as url:
        impatient = S3Policy("b", url, attempts=1, read_timeout_seconds=IMPATIENT_SECONDS)
        async with S3ObjectStore(impatient) as store:
            with pytest.raises(UnavailableError) as error:
                await call(store)

    assert str(error.value).startswith(f"s3://b/{KEY}: ")


@pytest.mark.parametrize("call", READS.values(), ids=READS)
async def test_an_object_that_takes_too_long_altogether_is_unavailable(
    s3: EmbeddedS3, call: Callable[[SwappingStore], Awaitable[object]]
) -> None:
    async with (
        answering(head("200 OK", 100) + b"half of it\n", then_hang=True) as url,
        S3ObjectStore(S3Policy("b", url, attempts=1, total_timeout_seconds=IMPATIENT_SECONDS)) as store,
    ):
        with pytest.raises(UnavailableError, match=": TimeoutError: "):
            await call(store)


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
async def test_wrong_credentials_are_refused(s3: EmbeddedS3, code: str) -> None:
    async with answering(failure("403 Forbidden", code)) as url, S3ObjectStore(policy(url)) as store:
        with pytest.raises(RefusedError, match=code) as refusal:
            await store.fetch(KEY, None, ENOUGH_BYTES)

    assert refusal.value.status == 403


async def test_a_name_that_no_bucket_can_have_is_refused(s3: EmbeddedS3) -> None:
    async with S3ObjectStore(policy(s3.endpoint_url, "not a bucket")) as store:
        with pytest.raises(RefusedError, match="not a bucket"):
            await store.fetch(KEY, None, ENOUGH_BYTES)


async def test_an_object_too_large_is_refused_before_it_is_read(s3: EmbeddedS3) -> None:
    async with answering(head("200 OK", 10**12), then_hang=True) as url, S3ObjectStore(policy(url)) as store:
        with pytest.raises(RefusedError, match="1000000000000 bytes"):
            await store.fetch(KEY, None, ENOUGH_BYTES)


@pytest.mark.parametrize(
    "call",
    [lambda store: store.fetch(KEY, None, 100), lambda store: lines_of(store, max_bytes=100)],
    ids=["fetch", "lines"],
)
async def test_an_object_that_hides_its_size_is_refused_in_the_middle(
    s3: EmbeddedS3, call: Callable[[ObjectStore], Awaitable[object]]
) -> None:
    endless = b'HTTP/1.1 200 OK\r\nETag: "t"\r\n\r\n' + b"x\n" * 100
    async with answering(endless, then_hang=True) as url, S3ObjectStore(policy(url)) as store:
        with pytest.raises(RefusedError, match="at most 100"):
            await call(store)


class Endless:
    """A server whose answers never end. `sent_bytes` are those that somebody took from it."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.sent_bytes = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" if self.head.startswith(b"PUT ") else b"")
            writer.write(self.head.removeprefix(b"PUT "))
            while True:
                writer.write(b"<Error>" + b"x" * CHUNK_BYTES)
                await writer.drain()
                self.sent_bytes += CHUNK_BYTES
        writer.close()


ENDLESS = {
    "an error without an end": (b"HTTP/1.1 500 Oops\r\n\r\n", READS["fetch"], UnavailableError),
    "an error without an end, streamed": (b"HTTP/1.1 403 No\r\n\r\n", READS["lines"], UnavailableError),
    "an error that says it is a petabyte": (
        b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000000000000\r\n\r\n",
        READS["fetch"],
        UnavailableError,
    ),
    "an object without an end": (b'HTTP/1.1 200 OK\r\nETag: "t"\r\n\r\n', READS["fetch"], RefusedError),
    "lines without an end": (b'HTTP/1.1 200 OK\r\nETag: "t"\r\n\r\n', READS["lines"], RefusedError),
    "thanks without an end": (b"PUT HTTP/1.1 200 OK\r\n\r\n", CALLS["put"], UnavailableError),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_no_answer_without_an_end_is_read_for_ever(s3: EmbeddedS3, name: str) -> None:
    head, call, expected = ENDLESS[name]
    endless = Endless(head)
    async with endless.running() as url, S3ObjectStore(policy(url)) as store:
        with pytest.raises(expected):
            await call(store)

    assert endless.sent_bytes < 16 * ENOUGH_BYTES  # with what the kernel keeps on both sides


def answer(*lines: str, status: str = "200 OK", body: bytes = b"{}") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body


TAG, TWO = 'ETag: "t"', "Content-Length: 2"
NO_S3 = {
    "no tag": answer(TWO),
    "a negative length": answer(TAG, "Content-Length: -5"),
    "a length that is no number": answer(TAG, "Content-Length: two"),
    "two lengths": answer(TAG, TWO, "Content-Length: 3"),
    "a length beyond all bounds": answer(TAG, f"Content-Length: {'9' * 30}"),
    "a time that is none": answer(TAG, TWO, "Last-Modified: never"),
    "a number that is none": answer(TAG, TWO, "x-amz-missing-meta: some"),
    "a header that is not UTF-8": answer(TAG, TWO, "X: \xff\xfe"),
    "a header without an end": answer(TAG, TWO, f"X: {'y' * 100_000}"),
    "headers without an end": answer(TAG, TWO, *(f"X-{number}: y" for number in range(100_000))),
    "another sum": answer(TAG, TWO, "x-amz-checksum-crc32: AAAA"),
    "an error in JSON": answer(TWO, status="500 Oops"),
    "an error of nothing": answer("Content-Length: 8", status="500 Oops", body=b"<Error/>"),
    "an error in an error": answer(
        "Content-Length: 36", status="500 Oops", body=b"<Error><Code><a>b</a></Code></Error>"
    ),
    "a status that is none": answer(TWO, status="600 What"),
    "a redirection to nowhere": answer(
        "Content-Length: 0", "Location: http://127.0.0.1:1/", status="302 There", body=b""
    ),
}


@pytest.mark.parametrize("call", READS.values(), ids=READS)
@pytest.mark.parametrize("name", NO_S3)
async def test_an_answer_that_no_s3_gives_is_unavailable_in_a_few_words(
    s3: EmbeddedS3, call: Callable[[SwappingStore], Awaitable[object]], name: str
) -> None:
    async with answering(NO_S3[name]) as url, S3ObjectStore(policy(url)) as store:
        with pytest.raises(UnavailableError) as error:
            await call(store)

    assert len(str(error.value)) < 400


async def test_an_error_that_says_much_is_cut(s3: EmbeddedS3) -> None:
    body = b"<Error><Code>Slow</Code><Message>" + b"x" * 60_000 + b"</Message></Error>"
    async with (
        answering(answer(f"Content-Length: {len(body)}", status="503 Slow", body=body)) as url,
        S3ObjectStore(policy(url)) as store,
    ):
        with pytest.raises(UnavailableError, match=r"xxx…$"):
            await store.fetch(KEY, None, ENOUGH_BYTES)


async def test_a_write_that_nobody_answers_ends(s3: EmbeddedS3) -> None:
    async with (
        answering(b"", then_hang=True) as url,
        S3ObjectStore(S3Policy("b", url, attempts=1, total_timeout_seconds=IMPATIENT_SECONDS)) as store,
    ):
        with pytest.raises(UnavailableError, match=": TimeoutError: "):
            await store.put(KEY, b"{}")


async def test_an_endless_line_needs_no_endless_memory() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * CHUNK_BYTES

    tracemalloc.start()
    lines = [line async for line in _lines(chunks())]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [len(line) for line in lines] == [MAX_LINE_BYTES + 1]
    assert peak_bytes < 10 * CHUNK_BYTES


async def test_missing_credentials_are_unavailable(s3: EmbeddedS3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in s3.environment:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async with S3ObjectStore(policy(s3.endpoint_url)) as store:
        with pytest.raises(UnavailableError, match="credentials"):
            await store.fetch(KEY, None, ENOUGH_BYTES)


async def test_half_a_set_of_credentials_is_named_at_once(s3: EmbeddedS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(UnavailableError, match="AWS_SECRET_ACCESS_KEY"):
        await S3ObjectStore(policy(s3.endpoint_url)).open()


async def test_a_closed_store_says_so(s3: EmbeddedS3) -> None:
    store = S3ObjectStore(policy(s3.endpoint_url))

    with pytest.raises(RuntimeError, match="open"):
        await store.put(KEY, b"{}")
