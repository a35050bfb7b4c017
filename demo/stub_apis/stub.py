"""What both stub APIs share: every request is recorded, and is answered by the contract or with a fault."""

import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

import msgspec
from aiohttp import web

from demo.stub_apis.control import ControlApi, Recording
from demo.stub_apis.faults import ALL_FAULTS, Behaviour, Behaviours, Fault
from demo.stub_apis.http_server import LOOPBACK, StubServer
from demo.stub_apis.responses import Answer, NoAnswer, dropped, problem, respond_with_fault, whole

REQUESTS_REMEMBERED = 100_000
WAIT_TIMEOUT_SECONDS = 10.0


class SeenRequest(msgspec.Struct, kw_only=True):
    """One request, recorded when it arrived; `status` is None until it is answered, and for ever if it never is.

    `headers` holds those of the contract that were sent, under the names the contract gives them.
    """

    at: datetime
    method: str
    path: str
    user_id: str | None
    headers: dict[str, str]
    fault: Fault
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A request with its body, read to the end before anything else happens to it."""

    request: web.Request
    body: bytes


def utc_now() -> datetime:
    return datetime.now(UTC)


class ApiStub(StubServer):
    """A stub API: `behave` makes it misbehave; `requests` and `violations` are what it saw.

    Safe to use from any thread while it serves; recordings are kept across `stop` and `start`.
    """

    unsupported_faults: ClassVar[frozenset[Fault]]
    contract_headers: ClassVar[tuple[str, ...]]

    def __init__(self, *, host: str = LOOPBACK, port: int = 0, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(host=host, port=port)
        self.clock = clock
        self.changed = threading.Condition()
        self._behaviours = Behaviours(ALL_FAULTS - self.unsupported_faults, self.in_loop)
        self._requests: deque[SeenRequest] = deque(maxlen=REQUESTS_REMEMBERED)
        self._violations: list[str] = []

    @abstractmethod
    def user_id_of(self, received: Received) -> str | None:
        """The user of this request, whose behaviour applies; None when it names none."""

    @abstractmethod
    def respond(self, received: Received, fault: Fault) -> Answer:
        """Handles a request by the contract; one request at a time."""

    @property
    def requests(self) -> list[SeenRequest]:
        """The last 100,000 requests in the order they arrived."""
        with self.changed:
            return list(self._requests)

    @property
    def violations(self) -> list[str]:
        """What callers did against the contract, one sentence each."""
        with self.changed:
            return list(self._violations)

    def behave(self, *behaviours: Behaviour, user_id: str | None = None) -> None:
        """Behaves like this from now on, one behaviour after the other; without any: back to normal."""
        self._behaviours.replace(behaviours, user_id)

    def recover(self) -> None:
        """Back to normal for everyone; requests that hang are answered."""
        self._behaviours.clear()

    def release(self) -> None:
        self._behaviours.release()

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float = WAIT_TIMEOUT_SECONDS) -> None:
        """Blocks until `condition` holds; looks whenever a request came or was answered. Raises TimeoutError."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout_seconds):
                raise TimeoutError(f"not so within {timeout_seconds:g} s")

    def reject(self, violation: str) -> Answer:
        """Records a violation of the contract; the answer to it is 400."""
        self._violations.append(violation)
        return problem(400, violation)

    def recordings(self) -> dict[str, Recording]:
        """What `/control/<name>` shows and empties."""
        return {"requests": self._requests, "violations": self._violations}

    def clear_recording(self, name: str) -> None:
        """Empties a record; raises KeyError for a name it does not have."""
        with self.changed:
            self.recordings()[name].clear()

    def application(self) -> web.Application:
        application = web.Application(client_max_size=0)
        ControlApi(self).add_routes(application.router)
        self.add_routes(application.router)
        application.router.add_route("*", "/{anything:.*}", self.handle)
        return application

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Routes of the contract, to `handle`; all else gets there too, without `match_info`."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handles every request that is not for the control API."""
        received = Received(request, await request.read())
        user_id = self.user_id_of(received)
        applied = self._behaviours.take(user_id)
        seen = self._see(request, user_id, applied.behaviour.fault)
        if not self.stopping:
            await applied.waited()
        if self.stopping or applied.behaviour.fault in {"ambiguous_dropped", "unanswered"}:
            return self._answered(seen, dropped(request))
        if applied.behaviour.status is not None and applied.behaviour.fault == "status":
            refusal = problem(applied.behaviour.status, "told to", applied.behaviour.retry_after_seconds)
            return self._answered(seen, whole(refusal))
        with self.changed:
            answer = self.respond(received, applied.behaviour.fault)
            self.changed.notify_all()
        return self._answered(seen, await respond_with_fault(request, answer, applied))

    def _see(self, request: web.Request, user_id: str | None, fault: Fault) -> SeenRequest:
        headers = {name: request.headers[name] for name in self.contract_headers if name in request.headers}
        seen = SeenRequest(
            at=self.clock(), method=request.method, path=request.path, user_id=user_id, headers=headers, fault=fault
        )
        with self.changed:
            self._requests.append(seen)
            self.changed.notify_all()
        return seen

    def _answered(self, seen: SeenRequest, response: web.StreamResponse) -> web.StreamResponse:
        with self.changed:
            seen.status = None if isinstance(response, NoAnswer) else response.status
            self.changed.notify_all()
        return response
