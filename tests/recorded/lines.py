"""What one line of a recorded file says: the bytes as they stood, and what their own release read in them."""

from datetime import datetime
from pathlib import Path
from typing import Self

import msgspec
from aiokafka import ConsumerRecord

FOLDER = Path(__file__).parent
REASONS = "reasons.json"
PROJECT = str(FOLDER.resolve().parents[1]).encode()
ELSEWHERE = b"/project"


class Raw(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bytes: as `text` where they are UTF-8, else as `base64`."""

    text: str | None = None
    base64: bytes | None = None

    @classmethod
    def of(cls, content: bytes) -> Self:
        try:
            return cls(text=content.decode())
        except UnicodeDecodeError:
            return cls(base64=content)

    @property
    def content(self) -> bytes:
        return self.text.encode() if self.text is not None else self.base64 or b""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of Kafka, one commit or one value of Redis; `about` says which.

    Without `value` it is a tombstone. `expect` is what the release itself read in it, all defaults spelled out.
    `taken_at` is given where the meaning depends on the time.
    """

    about: str
    key: Raw | None = None
    value: Raw | None = None
    headers: tuple[tuple[str, Raw], ...] = ()
    redis_type: str | None = None
    taken_at: datetime | None = None
    user_id: str | None = None
    expect: object = None

    @property
    def key_bytes(self) -> bytes | None:
        return None if self.key is None else self.key.content

    @property
    def value_bytes(self) -> bytes | None:
        return None if self.value is None else self.value.content

    @property
    def header_bytes(self) -> tuple[tuple[str, bytes], ...]:
        return tuple((name, raw.content) for name, raw in self.headers)


def line_of(about: str, record: ConsumerRecord, taken_at: datetime | None = None) -> Line:
    """A record as Kafka has it, but for the project's folder, which tracebacks name."""
    return Line(
        about=about,
        taken_at=taken_at,
        key=None if record.key is None else Raw.of(record.key),
        value=None if record.value is None else Raw.of(record.value.replace(PROJECT, ELSEWHERE)),
        headers=tuple((name, Raw.of(value)) for name, value in record.headers),
    )


def releases() -> list[str]:
    """Every release that is on record."""
    return sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir() and folder.name[0].isdigit())


def read_lines(release: str, kind: str) -> list[Line]:
    """None at all where the release has no such file."""
    path = FOLDER / release / f"{kind}.jsonl"
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()] if path.exists() else []


def read_reasons(release: str) -> list[str]:
    """Every way an event could end in this release."""
    return msgspec.json.decode((FOLDER / release / REASONS).read_bytes(), type=list[str])


def write_reasons(release: str, reasons: list[str]) -> None:
    (FOLDER / release / REASONS).write_bytes(msgspec.json.encode(reasons) + b"\n")


def write_lines(release: str, kind: str, lines: list[Line]) -> None:
    path = FOLDER / release / f"{kind}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
