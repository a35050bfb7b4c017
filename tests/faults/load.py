"""Events at a steady rate while a fault is injected."""

import threading
from collections.abc import Iterator
from itertools import chain, count, takewhile

from demo.stub_apis.push_api import PushApi
from demo.traffic.paced_producer import PacedProducer, Record
from demo.traffic.unclear_pushes import unclear_push
from tests.end_to_end.shoppers import app_opened, visit


class Load:
    """A round: five users visit a store once, one does so twice, and some only open the app.

    `users` must get exactly one push each. `non_triggers` are the events that no rule listens to. Both events of the
    user who visits twice are in flight at the same time.
    """

    def __init__(
        self, producer: PacedProducer, push_api: PushApi, name: str, per_second: float, only_open: int
    ) -> None:
        self.users: set[str] = set()
        self.non_triggers: set[str] = set()
        self._producer = producer
        self._push_api = push_api
        self._name = name
        self._per_second = per_second
        self._only_open = only_open
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._write, name=f"load of {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when everything written is on Kafka. Raises what the writer raised."""
        self._stopping.set()
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
        rounds = takewhile(lambda _: not self._stopping.is_set(), count())
        return chain.from_iterable(map(self._round, rounds))

    def _round(self, number: int) -> Iterator[Record]:
        for shopper in range(5):
            yield self._visits(number * 5 + shopper)
        for shopper in range(self._only_open):
            yield self._opens_app(f"{number}-{shopper}")
        user = f"u-{self._name}-twice-{number}"
        self.users.add(user)
        yield visit(f"{user}-first", user)
        yield visit(f"{user}-second", user)

    def _visits(self, number: int) -> Record:
        user = f"u-{self._name}-{number}"
        self.users.add(user)
        if behaviour := unclear_push(number):
            self._push_api.behave(behaviour, user_id=user)
        return visit(f"{user}-only", user)

    def _opens_app(self, number: str) -> Record:
        name = f"u-{self._name}-app-{number}"
        self.non_triggers.add(name)
        return app_opened(name, name)
