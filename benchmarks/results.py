"""`benchmarks/RESULTS.md`: written by the programs, a section each; a section replaces the one of the same name."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.kafka_cluster.libraries import kafka_jars

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = (
    "# Results\n\nWritten by the programs in `benchmarks/`; do not edit. `docs/performance.md` says what they mean.\n"
)
PACKAGES = ("faust-streaming", "aiokafka", "msgspec", "uvloop")

Rows = Sequence[Sequence[str]]


def machine() -> str:
    """When, on what and with which versions, as lines of Markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"{os.cpu_count()} cores, {_cpu_model()}, shared with the broker and the load",
        f"{platform.python_implementation()} {platform.python_version()}, {versions}",
        f"Apache {kafka_jars().parent.name.replace('-', ' ').capitalize()}, one broker, on the same machine",
    )
    return "\n".join(f"- {line}" for line in lines)


def table(head: Sequence[str], rows: Rows) -> str:
    """A table in Markdown; every column but the first is aligned right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def write_section(title: str, *paragraphs: str, path: Path = RESULTS) -> str:
    """Put the section into RESULTS.md, in place of the one with this title if there is one, and return it."""
    section = "\n\n".join((f"## {title}", *paragraphs)) + "\n"
    kept = [each for each in _sections(path) if not each.startswith(f"## {title}\n")]
    path.write_text("\n".join([HEAD, *sorted([*kept, section])]), encoding="utf-8")
    return section


def _sections(path: Path) -> list[str]:
    if not path.exists():
        return []
    parts = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [part.rstrip("\n") + "\n" for part in parts]


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())
