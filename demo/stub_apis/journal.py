"""A journal of what must outlive a kill of the server: one JSON object a line, written before the answer is sent."""

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

Entry = TypeVar("Entry", bound=msgspec.Struct)


class Journal(Generic[Entry]):
    """Entries of one type in a file that outlives the process, not the machine: it is flushed, never synced."""

    def __init__(self, path: Path, kind: type[Entry]) -> None:
        """Open or create the file. Raises OSError, and msgspec.ValidationError when it holds something else."""
        self._file = path.open("a+b")
        self._decoder = msgspec.json.Decoder(kind)
        self._keep_whole_lines()

    def entries(self) -> list[Entry]:
        """Everything that was written, oldest first."""
        self._file.seek(0)
        return [self._decoder.decode(line) for line in self._file]

    def write(self, entry: Entry) -> None:
        """Return when the entry survives the end of this process."""
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._file.flush()

    def clear(self) -> None:
        self._file.truncate(0)

    def close(self) -> None:
        self._file.close()

    def _keep_whole_lines(self) -> None:
        """A process that died while it wrote had not sent the answer yet: an incomplete line counts as not written."""
        self._file.seek(0)
        written = self._file.read()
        self._file.truncate(written.rfind(b"\n") + 1)
