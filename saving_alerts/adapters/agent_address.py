"""Where a name leads: looked up again now and then, by a thread, so that an agent that has moved is found."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

Lookup = Callable[[str, int], frozenset[str]]


class Client(Protocol):
    """What is asked of the client that sends. It looks its name up whenever it opens its socket, in its own thread."""

    @property
    def socket(self) -> socket.socket | None: ...

    def close_socket(self) -> None: ...


def addresses_of(name: str, port: int) -> frozenset[str]:
    """All addresses of a name; none where it cannot be looked up now. It blocks."""
    with suppress(OSError, UnicodeError):
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(name, port, 0, socket.SOCK_DGRAM))
    return frozenset()


class AddressWatch:
    """Closes the client's socket when its name does not lead there any more: the next send opens another."""

    def __init__(
        self, client: Client, name: str, port: int, every_seconds: float, lookup: Lookup = addresses_of
    ) -> None:
        self._client = client
        self._name = name
        self._port = port
        self._every_seconds = every_seconds
        self._lookup = lookup
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="statsd-address", daemon=True)

    def start(self) -> None:
        """Nothing for an address, which leads where it leads."""
        if not _is_address(self._name):
            self._thread.start()

    def stop(self) -> None:
        """The thread ends by itself, at the latest when a lookup does; nobody waits for DNS."""
        self._stopping.set()

    def look(self) -> None:
        """Once. A name that leads nowhere now changes nothing."""
        found, peer = self._lookup(self._name, self._port), self._peer()
        if found and peer is not None and peer not in found:
            self._client.close_socket()

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            self.look()

    def _peer(self) -> str | None:
        connected = self._client.socket
        with suppress(OSError):  # it was closed meanwhile
            return str(connected.getpeername()[0]) if connected else None
        return None


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            socket.inet_pton(family, name)
            return True
    return False
