"""The stub push API as the load sees it: over HTTP, and while it may be down."""

import urllib.request
from contextlib import suppress

import msgspec
import stamina

from demo.stub_apis.control import BehaviourChange
from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import AcceptedPush

TIMEOUT_SECONDS = 2
RETRY_SECONDS = 60

_until_it_answers = stamina.retry(on=OSError, attempts=None, timeout=RETRY_SECONDS)


class RemotePushApi:
    """A client of the stub at `url`. Reads are repeated until the stub answers, for a minute at most."""

    def __init__(self, url: str) -> None:
        self._url = url

    def behave(self, user_id: str, behaviour: Behaviour) -> None:
        """Set the behaviour for this user. Ignored while the stub is down: then the pushes fail anyway."""
        body = msgspec.json.encode(BehaviourChange([behaviour], user_id))
        with suppress(OSError):
            self._ask(urllib.request.Request(f"{self._url}/control/behaviour", body, method="PUT"))  # noqa: S310

    @_until_it_answers
    def accepted(self) -> list[AcceptedPush]:
        """Every push it ever accepted. Raises OSError after a minute without an answer."""
        return msgspec.json.decode(self._record("accepted"), type=list[AcceptedPush])

    @_until_it_answers
    def violations(self) -> list[str]:
        """What callers did against the contract since the stub started."""
        return msgspec.json.decode(self._record("violations"), type=list[str])

    def _record(self, name: str) -> bytes:
        return self._ask(urllib.request.Request(f"{self._url}/control/{name}"))  # noqa: S310 - our own stub

    def _ask(self, request: urllib.request.Request) -> bytes:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return bytes(answer.read())
