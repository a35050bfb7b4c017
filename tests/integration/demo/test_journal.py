"""The journal of a stub survives a kill of the stub."""

import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import msgspec

from demo.servers.free_port import FreePort
from demo.stub_apis.journal import Journal
from tests.support.push_request import post_push

TIMEOUT_SECONDS = 20


class Entry(msgspec.Struct):
    name: str


def test_entries_are_there_for_the_next_process(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal", Entry)
    first.write(Entry("one"))
    first.write(Entry("two"))

    second = Journal(tmp_path / "journal", Entry)

    assert second.entries() == [Entry("one"), Entry("two")]


def test_half_a_line_counts_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"name":"one"}\n{"name":"tw')

    journal = Journal(path, Entry)
    journal.write(Entry("three"))

    assert journal.entries() == [Entry("one"), Entry("three")]


def test_what_was_cleared_is_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", Entry)
    journal.write(Entry("one"))

    journal.clear()

    assert Journal(tmp_path / "journal", Entry).entries() == []


class StubProcess:
    """The stub push API as a container runs it; it can be killed and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self._command = [
            sys.executable,
            "-m",
            "demo.stub_apis.push_api",
            "--port",
            str(port),
            "--journal",
            str(folder / "j"),
        ]
        self._url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < give_up_at:
            with suppress(OSError), urllib.request.urlopen(f"{self._url}/health"):
                return
        raise TimeoutError

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def push(self) -> int:
        return post_push(self._url)


def test_a_push_api_that_was_killed_accepts_no_push_again(tmp_path: Path) -> None:
    port = FreePort()
    stub = StubProcess(tmp_path, port.number)
    stub.start()
    first = stub.push()
    stub.kill()
    stub.start()

    again = stub.push()

    stub.kill()
    port.close()
    assert (first, again) == (201, 409)
