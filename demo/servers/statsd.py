"""A DogStatsD receiver that keeps the samples it receives."""

import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

MAX_DATAGRAM_BYTES = 65_535
MAX_SAMPLES = 100_000
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one line. `kind` is as on the wire: `c`, `g` or `d`; with a `rate` of 0.5 it counts twice."""

    name: str
    value: float
    kind: str
    tags: Mapping[str, str] = field(default_factory=dict)
    rate: float = 1.0

    def has(self, tags: Mapping[str, str]) -> bool:
        return tags.items() <= self.tags.items()


class StatsdSink:
    """Listens on a free UDP port of 127.0.0.1 within a `with` block; keeps the last 100,000 samples."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self._unreadable: deque[str] = deque(maxlen=MAX_SAMPLES)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="statsd-sink", daemon=True)

    def __enter__(self) -> Self:
        self._socket.bind((self.host, 0))
        self._socket.settimeout(POLL_SECONDS)
        self.port: int = self._socket.getsockname()[1]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    @property
    def samples(self) -> list[Sample]:
        with self._arrived:
            return list(self._samples)

    @property
    def unreadable(self) -> list[str]:
        """Lines that are no DogStatsD."""
        with self._arrived:
            return list(self._unreadable)

    def values(self, name: str, **tags: str) -> list[float]:
        """What came under this name with all of these tags, oldest first."""
        return [sample.value for sample in self.samples if sample.name == name and sample.has(tags)]

    def total(self, name: str, **tags: str) -> float:
        return sum(self.values(name, **tags))

    def wait_until(self, condition: Callable[[Self], bool], timeout_seconds: float = 10) -> bool:
        """Return at once when the condition holds; False when it did not in all that time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: condition(self), timeout_seconds)

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                datagram = self._socket.recv(MAX_DATAGRAM_BYTES)
            except TimeoutError:
                continue
            self._take(datagram.decode(errors="replace"))

    def _take(self, datagram: str) -> None:
        with self._arrived:
            for line in filter(None, datagram.split("\n")):
                try:
                    self._samples.extend(read_line(line))
                except ValueError:
                    self._unreadable.append(line)
            self._arrived.notify_all()


def read_line(line: str) -> list[Sample]:
    """`name:1:2|d|@0.5|#a:b` as one sample a value. Raises ValueError for anything else."""
    head, kind, *extensions = line.split("|")
    name, *values = head.split(":")
    if not (name and values and kind):
        raise ValueError(f"no DogStatsD: {line!r}")
    by_sign = {extension[:1]: extension[1:] for extension in extensions}
    rate = float(by_sign.get("@", "1"))
    return [Sample(name, float(value), kind, _tags(by_sign.get("#", "")), rate) for value in values]


def _tags(text: str) -> dict[str, str]:
    pairs = (tag.partition(":") for tag in filter(None, text.split(",")))
    return {name: value for name, _, value in pairs}
