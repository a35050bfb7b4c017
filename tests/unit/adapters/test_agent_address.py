"""An agent that has moved is found again; nobody on the event loop waits for DNS."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from saving_alerts.adapters.agent_address import AddressWatch, addresses_of

HERE = frozenset({"127.0.0.1"})
ELSEWHERE = frozenset({"127.0.0.2"})


class FakeClient:
    """A client with a socket that is connected to this machine."""

    def __init__(self, connected: socket.socket | None) -> None:
        self.socket = connected
        self.closed = threading.Event()

    def close_socket(self) -> None:
        self.closed.set()


@pytest.fixture
def connected() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.connect(("127.0.0.1", 8125))
        yield connected


@pytest.mark.parametrize(
    ("found", "closes"), [(HERE, False), (HERE | ELSEWHERE, False), (ELSEWHERE, True), (frozenset[str](), False)]
)
def test_the_socket_is_closed_when_the_name_leads_elsewhere(
    connected: socket.socket, found: frozenset[str], *, closes: bool
) -> None:
    client = FakeClient(connected)

    AddressWatch(client, "agent", 8125, 30, lambda name, port: found).look()

    assert client.closed.is_set() is closes


def test_before_anything_was_sent_there_is_nothing_to_close() -> None:
    client = FakeClient(None)

    AddressWatch(client, "agent", 8125, 30, lambda name, port: ELSEWHERE).look()

    assert not client.closed.is_set()


def test_a_name_is_looked_up_again_by_a_thread(connected: socket.socket) -> None:
    client, threads = FakeClient(connected), set[str]()

    def lookup(name: str, port: int) -> frozenset[str]:
        threads.add(threading.current_thread().name)
        return ELSEWHERE

    with watching(AddressWatch(client, "agent", 8125, 0.01, lookup)):
        assert client.closed.wait(10)
    assert threads == {"statsd-address"}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_is_not_looked_up(connected: socket.socket, address: str) -> None:
    before = set(threading.enumerate())

    with watching(AddressWatch(FakeClient(connected), address, 8125, 0.01)):
        assert set(threading.enumerate()) == before


def test_what_cannot_be_looked_up_has_no_address() -> None:
    assert addresses_of("no-such-host.invalid", 8125) == frozenset()
    assert addresses_of("a" * 300, 8125) == frozenset()
    assert "127.0.0.1" in addresses_of("localhost", 8125)


@contextmanager
def watching(watch: AddressWatch) -> Iterator[None]:
    watch.start()
    try:
        yield
    finally:
        watch.stop()
