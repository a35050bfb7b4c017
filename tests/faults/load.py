"""Shoppers that come at a steady pace while something breaks."""

import threading
from collections.abc import Iterator
from itertools import chain, count, takewhile

from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import PushApi
from demo.traffic.paced_producer import PacedProducer, Record
from tests.end_to_end.shoppers import look_around, visit

# Every so many-th of the shoppers who come once meets a push API that gives no clear answer the first time.
UNCLEAR_EVERY = 10
UNCLEAR = (
    Behaviour(fault="status", status=500, times=1),  # it did nothing
    Behaviour(fault="ambiguous_accepted", times=1),  # it did all
)


class Load:
    """Ten events a round: five shoppers who come once, one who comes twice, three who only look around.

    `users` must get exactly one push each, `passers_by` are the events that no rule listens to. The one who comes
    twice has both events in work at the same time.
    """

    def __init__(self, producer: PacedProducer, push_api: PushApi, name: str, per_second: float) -> None:
        self.users: set[str] = set()
        self.passers_by: set[str] = set()
        self._producer = producer
        self._push_api = push_api
        self._name = name
        self._per_second = per_second
        self._enough = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._write, name=f"load of {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when everything written is on Kafka. Raises what the writer raised."""
        self._enough.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _write(self) -> None:
        try:
            self._producer.write(self._events(), self._per_second)
        except Exception as error:  # noqa: BLE001 - raised by `stop`
            self._failure = error

    def _events(self) -> Iterator[Record]:
        rounds = takewhile(lambda _: not self._enough.is_set(), count())
        return chain.from_iterable(map(self._round, rounds))

    def _round(self, number: int) -> Iterator[Record]:
        for shopper in range(5):
            yield self._comes(number * 5 + shopper)
            if shopper % 2 == 0:
                yield self._looks_around(f"{number}-{shopper}")
        user = f"u-{self._name}-twice-{number}"
        self.users.add(user)
        yield visit(f"{user}-first", user)
        yield visit(f"{user}-second", user)

    def _comes(self, number: int) -> Record:
        user = f"u-{self._name}-{number}"
        self.users.add(user)
        if number % UNCLEAR_EVERY == 0:
            self._push_api.behave(UNCLEAR[number // UNCLEAR_EVERY % len(UNCLEAR)], user_id=user)
        return visit(f"{user}-only", user)

    def _looks_around(self, number: str) -> Record:
        name = f"u-{self._name}-passer-by-{number}"
        self.passers_by.add(name)
        return look_around(name, name)
