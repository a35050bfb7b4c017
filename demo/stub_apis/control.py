"""How other processes make a stub misbehave and read what it saw: `/control` and `/health`, over HTTP."""

from collections.abc import Iterator, Mapping
from threading import Condition
from typing import Protocol

import msgspec
from aiohttp import web

from demo.stub_apis.faults import Behaviour
from demo.stub_apis.responses import Answer, problem, whole


class BehaviourChange(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `PUT /control/behaviour`: behaviours in the order they are to follow, for one user or for everyone."""

    behaviours: list[Behaviour]
    user_id: str | None = None


class Recording(Protocol):
    """Something that a stub has recorded and can clear."""

    def __iter__(self) -> Iterator[object]: ...
    def clear(self) -> None: ...


class ControlledStub(Protocol):
    """What the control API asks of a stub."""

    changed: Condition

    def behave(self, *behaviours: Behaviour, user_id: str | None = None) -> None: ...

    def recover(self) -> None: ...

    def recordings(self) -> Mapping[str, Recording]: ...

    def clear_recording(self, name: str) -> None: ...


class ControlApi:
    """`GET /health`; `PUT` and `DELETE /control/behaviour`; `GET` and `DELETE /control/<record>`."""

    def __init__(self, stub: ControlledStub) -> None:
        self._stub = stub

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/health", self._health)
        router.add_put("/control/behaviour", self._put_behaviour)
        router.add_delete("/control/behaviour", self._delete_behaviour)
        router.add_get("/control/{record}", self._get_record)
        router.add_delete("/control/{record}", self._delete_record)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _put_behaviour(self, request: web.Request) -> web.Response:
        try:
            change = msgspec.json.decode(await request.read(), type=BehaviourChange)
            self._stub.behave(*change.behaviours, user_id=change.user_id)
        except ValueError as error:
            return whole(problem(400, str(error)))
        return whole(Answer(200, msgspec.json.encode(change)))

    async def _delete_behaviour(self, _: web.Request) -> web.Response:
        self._stub.recover()
        return web.Response(status=204)

    async def _get_record(self, request: web.Request) -> web.Response:
        with self._stub.changed:
            recording = self._stub.recordings().get(request.match_info["record"])
            if recording is None:
                return self._no_such_record()
            return whole(Answer(200, msgspec.json.encode(list(recording))))

    async def _delete_record(self, request: web.Request) -> web.Response:
        try:
            self._stub.clear_recording(request.match_info["record"])
        except KeyError:
            return self._no_such_record()
        return web.Response(status=204)

    def _no_such_record(self) -> web.Response:
        return whole(problem(404, f"there is: behaviour, {', '.join(self._stub.recordings())}"))
