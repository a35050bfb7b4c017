"""A stub of the push API (Kepler): accepts a push once per key, never late, and remembers everything."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from demo.stub_apis.control import Recording
from demo.stub_apis.faults import Fault
from demo.stub_apis.http_server import LOOPBACK, address_parser, serve_until_signalled
from demo.stub_apis.journal import Journal
from demo.stub_apis.responses import Answer, problem
from demo.stub_apis.stub import ApiStub, Received, utc_now

PATH = "/push-notifications"
BODY_LIMIT_BYTES = 4 * 1024
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

Text = Annotated[str, Meta(min_length=1)]


class Trace(Struct, frozen=True, forbid_unknown_fields=True):
    event_id: Text
    decision_id: Text
    rule_id: Text
    rules_version: Text
    variant: Text | None = None


class Push(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a request; `not_after` like 2026-11-23T10:15:03.004Z."""

    user_id: Text
    title: Text
    body: Text
    deep_link: Text
    locale: Text
    category: Text
    collapse_key: Text
    ttl_seconds: Annotated[int, Meta(gt=0)]
    not_after: Text
    trace: Trace


class AcceptedPush(Struct, frozen=True, kw_only=True):
    """A push the shopper gets. `late` and `second` must never be true.

    `late`: accepted after the push's own `not_after`. `second`: the same event of the same user was accepted before,
    under another key.
    """

    push_id: str
    idempotency_key: str
    push: Push
    accepted_at: datetime
    request_not_after: datetime
    late: bool
    second: bool


class _Addressee(Struct):
    user_id: str | None = None


_PUSHES = msgspec.json.Decoder(Push)
_ADDRESSEES = msgspec.json.Decoder(_Addressee)


def instant(text: str) -> datetime | None:
    """Reads RFC 3339 in UTC with milliseconds, nothing else; None for other text."""
    try:
        return datetime.fromisoformat(text) if INSTANT.fullmatch(text) else None
    except ValueError:
        return None


class PushApi(ApiStub):
    """The stub: `accepted` is every push that reached its shopper, in order.

    With a `journal` it also knows what an earlier process of it accepted, as the push API does after a restart.
    """

    unsupported_faults: ClassVar[frozenset[Fault]] = frozenset({"too_many"})
    contract_headers: ClassVar[tuple[str, ...]] = ("Idempotency-Key", "Request-Not-After")

    def __init__(
        self,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        clock: Callable[[], datetime] = utc_now,
        journal: Journal[AcceptedPush] | None = None,
    ) -> None:
        super().__init__(host=host, port=port, clock=clock)
        self._journal = journal
        self._accepted: list[AcceptedPush] = []
        self._push_ids: dict[str, str] = {}
        self._events: set[tuple[str, str]] = set()
        for accepted in journal.entries() if journal else ():
            self._remember(accepted)

    @property
    def accepted(self) -> list[AcceptedPush]:
        with self.changed:
            return list(self._accepted)

    @property
    def late(self) -> list[AcceptedPush]:
        return [push for push in self.accepted if push.late]

    @property
    def second_pushes(self) -> list[AcceptedPush]:
        return [push for push in self.accepted if push.second]

    def recordings(self) -> dict[str, Recording]:
        return super().recordings() | {"accepted": self._accepted}

    def clear_recording(self, name: str) -> None:
        """Empties a recording; with `accepted` also the idempotency keys."""
        with self.changed:
            super().clear_recording(name)
            if name == "accepted":
                self._push_ids.clear()
                self._events.clear()
                if self._journal:
                    self._journal.clear()

    def user_id_of(self, received: Received) -> str | None:
        try:
            return _ADDRESSEES.decode(received.body).user_id
        except ValueError:  # msgspec's errors, and UnicodeDecodeError
            return None

    def respond(self, received: Received, fault: Fault) -> Answer:
        request = received.request
        if (request.method, request.path) != ("POST", PATH):
            return self.reject(f"{request.method} {request.path} is not POST {PATH}")
        key = request.headers.get("Idempotency-Key", "")
        if key in self._push_ids:  # First, whatever the lease or the body: an accepted key is always answered with 409.
            return Answer(409, msgspec.json.encode({"push_id": self._push_ids[key]}))
        not_after = instant(request.headers.get("Request-Not-After", ""))
        if not key or not_after is None:
            return self.reject("Idempotency-Key is missing, or Request-Not-After is not like 2026-11-23T10:15:03.004Z")
        return self._respond_to_push(key, not_after, received, fault)

    def _respond_to_push(self, key: str, not_after: datetime, received: Received, fault: Fault) -> Answer:
        now = self.clock()
        if now > not_after and fault != "accepts_late":
            return problem(412, "too late: Request-Not-After has passed")
        body, content_type = received.body, received.request.content_type
        if content_type != "application/json" or len(body) > BODY_LIMIT_BYTES:
            return self.reject(f"the body is {len(body)} bytes of {content_type}, not application/json within 4 KiB")
        try:
            push = _PUSHES.decode(body)
        except ValueError as error:
            return self.reject(f"the body is not a push: {error}")
        # In the future follows: now <= Request-Not-After <= not_after.
        ends = instant(push.not_after)
        if ends is None or ends < not_after:
            return self.reject(f"not_after {push.not_after} is not an instant at or after Request-Not-After")
        return self._accept(key, push, not_after, now, late=ends < now)

    def _accept(self, key: str, push: Push, not_after: datetime, now: datetime, *, late: bool) -> Answer:
        push_id = f"push-{len(self._accepted) + 1}"
        event = (push.user_id, push.trace.event_id)
        accepted = AcceptedPush(
            push_id=push_id,
            idempotency_key=key,
            push=push,
            accepted_at=now,
            request_not_after=not_after,
            late=late,
            second=event in self._events,
        )
        if self._journal:
            self._journal.write(accepted)
        self._remember(accepted)
        return Answer(201, msgspec.json.encode({"push_id": push_id}))

    def _remember(self, accepted: AcceptedPush) -> None:
        self._accepted.append(accepted)
        self._push_ids[accepted.idempotency_key] = accepted.push_id
        self._events.add((accepted.push.user_id, accepted.push.trace.event_id))


def main() -> None:
    example = """python -m demo.stub_apis.push_api --host 0.0.0.0 --port 8080
  curl -X PUT http://localhost:8080/control/behaviour \\
    -d '{"user_id": "u-1", "behaviours": [{"fault": "status", "status": 503, "times": 2}]}'"""
    parser = address_parser("demo.stub_apis.push_api", __doc__ or "", example)
    parser.add_argument("--journal", type=Path, help="file that keeps accepted pushes across a kill (default: none)")
    arguments = parser.parse_args()
    journal = Journal(arguments.journal, AcceptedPush) if arguments.journal else None
    serve_until_signalled(PushApi(host=arguments.host, port=arguments.port, journal=journal))


if __name__ == "__main__":
    main()
