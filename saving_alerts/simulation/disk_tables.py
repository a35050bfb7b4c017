"""Tables of bytes for what grows with the events: in a temporary file, with little of it in memory at a time."""

import sqlite3
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

CACHE_BYTES = 64 * 1024 * 1024  # a simulation of some 300,000 events never writes its file

# A table of its own for each name: a dict would do, if it had room.
Tables = Callable[[str], MutableMapping[bytes, bytes]]


class TemporarySpaceError(Exception):
    """The temporary file cannot grow. The text says what to do."""


@contextmanager
def disk_tables(cache_bytes: int = CACHE_BYTES) -> Iterator[Tables]:
    """Empty tables; they are gone at the end. Raises TemporarySpaceError."""
    # Without a name it is a file that SQLite deletes, and writes only when the cache is full.
    connection = sqlite3.connect("", isolation_level=None)
    try:
        connection.execute(f"PRAGMA cache_size = -{cache_bytes // 1024}")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("BEGIN")
        yield lambda name: _Table(connection, name)
    except sqlite3.OperationalError as error:
        text = f"no room for temporary files ({error}): set TMPDIR to a directory that has some, or ask for less time"
        raise TemporarySpaceError(text) from error
    finally:
        connection.close()


class _Table(MutableMapping[bytes, bytes]):
    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._execute = connection.execute
        self._name = f'"{name}"'
        self._execute(f"CREATE TABLE {self._name} (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        self._select = f"SELECT value FROM {self._name} WHERE key = ?"  # noqa: S608 - the name is a constant
        self._insert = f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?)"  # noqa: S608

    def __contains__(self, key: object) -> bool:
        return self._execute(self._select, (key,)).fetchone() is not None

    def __getitem__(self, key: bytes) -> bytes:
        found = self._execute(self._select, (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return bytes(found[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._execute(self._insert, (key, value))

    def __delitem__(self, key: bytes) -> None:
        if not self._execute(f"DELETE FROM {self._name} WHERE key = ?", (key,)).rowcount:  # noqa: S608
            raise KeyError(key)

    def __iter__(self) -> Iterator[bytes]:
        return (key for (key,) in self._execute(f"SELECT key FROM {self._name}"))  # noqa: S608

    def __len__(self) -> int:
        return int(self._execute(f"SELECT count(*) FROM {self._name}").fetchone()[0])  # noqa: S608
