"""What a stub has accepted outlives it."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import msgspec

from demo.servers.free_port import FreePort
from demo.stub_apis.journal import Journal

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
        body = msgspec.json.encode(BODY)
        headers = {
            "Idempotency-Key": "k-1",
            "Request-Not-After": "2099-01-01T00:00:00.000Z",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(f"{self._url}/push-notifications", body, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


BODY = {
    "user_id": "u-1",
    "title": "Ten percent",
    "body": "Only today",
    "deep_link": "https://app.example/coupons/c-1",
    "locale": "en-GB",
    "category": "saving_alert",
    "collapse_key": "m-1",
    "ttl_seconds": 60,
    "not_after": "2099-01-01T00:01:00.000Z",
    "trace": {"event_id": "e-1", "decision_id": "d-1", "rule_id": "r-1", "rules_version": "0123456789ab"},
}


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
