"""What a stub API sends: the answer by the contract, or one with a fault."""

from dataclasses import dataclass, replace

import msgspec
from aiohttp import web

from demo.stub_apis.faults import AppliedBehaviour, Behaviour

OVERSIZE_BYTES = 300 * 1024
SLOW_HEADER_INTERVAL_SECONDS = 0.1
GARBLED_BODY = b"<html><body>Bad gateway, but friendly"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is sent; the body is JSON."""

    status: int
    body: bytes
    retry_after_seconds: int | None = None


class NoAnswer(web.Response):
    """No answer is sent: the connection is closed already."""


def problem(status: int, text: str, retry_after_seconds: int | None = None) -> Answer:
    return Answer(status, msgspec.json.encode({"error": text}), retry_after_seconds)


def whole(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body, content_type="application/json")
    if answer.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(answer.retry_after_seconds)
    return response


def dropped(request: web.Request) -> NoAnswer:
    if request.transport is not None:
        request.transport.close()
    return NoAnswer()


async def respond_with_fault(request: web.Request, answer: Answer, applied: AppliedBehaviour) -> web.StreamResponse:
    """Sends `answer` as the fault wants it; an ordinary answer when the fault does not touch answers."""
    match applied.behaviour.fault:
        case "ambiguous_accepted":
            return _lost(request, applied.behaviour)
        case "truncated":
            return await _truncated(request, answer)
        case "oversize":
            return await _oversize(request, answer)
        case "slow_headers":
            return await _slow_headers(request, applied)
        case "garbled":
            return whole(replace(answer, body=GARBLED_BODY))
        case _:
            return whole(answer)


def _lost(request: web.Request, behaviour: Behaviour) -> web.Response:
    if behaviour.status is None:
        return dropped(request)
    return whole(problem(behaviour.status, "it may have worked", behaviour.retry_after_seconds))


async def _truncated(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    dropped(request)
    return response


async def _oversize(request: web.Request, answer: Answer) -> web.StreamResponse:
    # Chunked and still valid JSON: only a reader that counts what it reads notices.
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(answer.body)
    await response.write(b" " * OVERSIZE_BYTES)
    await response.write_eof()
    return response


async def _slow_headers(request: web.Request, applied: AppliedBehaviour) -> NoAnswer:
    # A byte now and then: a client that only limits the silence between two reads waits for ever.
    sent = b"HTTP/1.1 200 OK\r\nX-Slow: "
    while request.transport is not None:  # looked at after each wait: the client may have gone meanwhile
        request.transport.write(sent)
        if await applied.released_within(SLOW_HEADER_INTERVAL_SECONDS):
            break
        sent = b"."
    return dropped(request)
