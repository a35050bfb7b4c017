"""A former release, built from this repository's history with the libraries of its own lock."""

import re
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp

from demo.workers.worker_process import PROJECT, Build
from tests.support.requirements import require

CACHE = PROJECT / ".cache"
TIMEOUT_SECONDS = 600


def former_release(release: str) -> Build:
    """Built once, and kept in `.cache/`. Skips the test, or fails it in CI, where it cannot be built, and says why."""
    require(_missing(release))
    folder = CACHE / f"saving-alerts-{release}"
    if not folder.exists():
        _build(release, folder)
    return Build(folder / "code", str(folder / "venv" / "bin" / "python"))


def commit_of(release: str) -> str:
    """The commit that the changelog names."""
    chapter = (PROJECT / "CHANGELOG.md").read_text("utf-8").partition(f"\n## {release}\n")[2]
    found = re.search(r"commit `([0-9a-f]{40})`", chapter)
    assert found, f"the changelog names no commit of {release}"
    return found[1]


def _missing(release: str) -> str | None:
    if _uv() is None:
        return "no former release can be built here: `make setup` installs uv"
    has_commit = ["git", "-C", str(PROJECT), "cat-file", "-e", f"{commit_of(release)}^{{commit}}"]
    if shutil.which("git") is None or subprocess.run(has_commit, capture_output=True, check=False).returncode:
        return f"{release} cannot be built here: its commit {commit_of(release)} is not in this clone's history"
    return None


def _uv() -> str | None:
    ours = PROJECT / ".tools" / "bin" / "uv"
    return str(ours) if ours.exists() else shutil.which("uv")


def _build(release: str, folder: Path) -> None:
    CACHE.mkdir(exist_ok=True)
    part = Path(mkdtemp(prefix=f"{folder.name}.part-", dir=CACHE))
    try:
        _unpack(commit_of(release), part / "code")
        _install(part / "code" / "requirements" / "runtime.lock", part / "venv")
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack(commit: str, code: Path) -> None:
    archive = _run(["git", "-C", str(PROJECT), "archive", "--format=tar", commit])
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(code, filter="data")


def _install(lock: Path, venv: Path) -> None:
    """Its interpreter finds its libraries by where it is called, so the folder can be renamed."""
    uv = _uv() or "uv"
    _run([uv, "venv", "--quiet", "--python", sys.executable, "--relocatable", str(venv)])
    _run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(venv / "bin" / "python"), str(lock)])


def _run(command: list[str]) -> bytes:
    """What it prints. Raises RuntimeError with what it says if it fails."""
    ended = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{ended.stderr.decode(errors='replace')}")
    return ended.stdout
