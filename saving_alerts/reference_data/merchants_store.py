"""The merchant directory in the bucket, with all its versions, as `document_store.py` keeps them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO

from saving_alerts.ports.accepted_directory import AcceptedDirectory
from saving_alerts.ports.errors import MissingObjectError
from saving_alerts.ports.object_store import MAX_LINE_BYTES, SwappingStore
from saving_alerts.reference_data.document_store import Current, DocumentStore
from saving_alerts.reference_data.merchants_file import MerchantsFileReader, MerchantsLimits, version_of_lines

LINES_PER_STEP = 1_000
OnLines = Callable[[int], None]  # is told how many more lines were read, after every LINES_PER_STEP


@dataclass(frozen=True, slots=True)
class CurrentDirectory(Current):
    """The directory that workers read now; `reader` has read it, in part if it is refused; None if there is none."""

    reader: MerchantsFileReader | None

    @property
    def directory(self) -> AcceptedDirectory | None:
        """Its version and number of merchants; None if there is none, or if workers refuse it for what stands in it."""
        if self.reader is None or self.version is None or self.reader.refusal is not None:
            return None
        return AcceptedDirectory(version=self.version, merchants=self.reader.merchant_count)


def _nothing(_: int) -> None: ...


class MerchantsStore(DocumentStore):
    """Reads the live directory line by line: it is never in memory as a whole, but for what is published."""

    suffix = ".jsonl"

    def __init__(
        self,
        store: SwappingStore,
        key: str,
        max_bytes: int,
        limits: MerchantsLimits,
        on_lines: OnLines = _nothing,
    ) -> None:
        super().__init__(store, "merchants", key, max_bytes)
        self._limits = limits
        self._on_lines = on_lines

    @staticmethod
    def version_of(body: bytes) -> str:
        return version_of_lines(lines_of(body))

    async def current(self) -> CurrentDirectory:
        reader = MerchantsFileReader(self._limits)
        try:
            async with self._store.lines(self._key, None, self._max_bytes) as stream:
                if stream is None:
                    return CurrentDirectory(None, None, None)
                async for line in stream.lines:
                    reader.take(line)
                    if reader.lines % LINES_PER_STEP == 0:
                        self._on_lines(LINES_PER_STEP)
        except MissingObjectError:
            return CurrentDirectory(None, None, None)
        return CurrentDirectory(reader.version, stream.etag, reader)


def lines_of(body: bytes) -> Iterator[bytes]:
    """The lines of a file as the object store gives them: see ObjectLines."""
    return (line[: MAX_LINE_BYTES + 1] for line in BytesIO(body))


def read_directory(body: bytes, limits: MerchantsLimits, on_lines: OnLines = _nothing) -> MerchantsFileReader:
    """All lines, also behind those for which workers would refuse the file, so that more of them can be named."""
    reader = MerchantsFileReader(limits)
    for line in lines_of(body):
        reader.take(line)
        if reader.lines % LINES_PER_STEP == 0:
            on_lines(LINES_PER_STEP)
        if reader.has_wrong_encoding:
            break
    return reader
