"""A copy of the project with one protection broken."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.workers.worker_process import PROJECT
from tests.mutation.mutant import Edit, Mutant

PARTS = ("saving_alerts", "benchmarks", "demo", "tests", "pyproject.toml", ".env.example")
TIMEOUT_SECONDS = 900


class StaleMutantError(Exception):
    """The code that the mutant breaks has changed: the mutant must follow it."""


@contextmanager
def broken(mutant: Mutant) -> Iterator[Path]:
    """The folder of a copy with the edits of the mutant."""
    with edited(mutant.edits) as folder:
        yield folder


@contextmanager
def edited(edits: Iterable[Edit]) -> Iterator[Path]:
    """The folder of a copy with these edits. Raises StaleMutantError."""
    with TemporaryDirectory(prefix="saving-alerts-mutant-") as name:
        folder = Path(name)
        for part in PARTS:
            _copy(PROJECT / part, folder / part)
        for edit in edits:
            _apply(edit, folder)
        yield folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _apply(edit: Edit, folder: Path) -> None:
    file = folder / edit.file
    text = file.read_text()
    if text.count(edit.old) != 1:
        raise StaleMutantError(f"{edit.file} has {text.count(edit.old)} times:\n{edit.old}")
    file.write_text(text.replace(edit.old, edit.new))


def run_tests(folder: Path, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Pytest in the copy, with whatever needs a real Kafka, until the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-rfE", "-m", "not long", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
    )
