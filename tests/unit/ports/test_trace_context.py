"""What is taken for the trace of an event."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.ports.trace_context import traceparent_in, traceparent_now, tracing

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_it_is_found_among_other_headers() -> None:
    assert traceparent_in([("a", None), ("traceparent", TRACE.encode()), ("b", b"x")]) == TRACE
    assert traceparent_in([]) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="nothing"),
        pytest.param(b"", id="empty"),
        pytest.param(TRACE.upper().encode(), id="capitals"),
        pytest.param(TRACE.encode() + b"\r\nX-Other: 1", id="another header behind it"),
        pytest.param(TRACE.encode() + b"\n", id="a line break"),
        pytest.param(b"ff" + TRACE.encode()[2:], id="no version"),
        pytest.param(b"00-" + b"0" * 32 + TRACE.encode()[35:], id="no trace"),
        pytest.param(TRACE.encode()[:36] + b"0" * 16 + b"-01", id="no parent"),
        pytest.param(b"\xff" * 55, id="no text"),
    ],
)
def test_what_is_none_is_left_out(value: bytes | None) -> None:
    assert traceparent_in([("traceparent", value)]) is None


@given(st.binary(max_size=100))
def test_nothing_but_its_form_goes_on(value: bytes) -> None:
    found = traceparent_in([("traceparent", value)])

    assert found is None or (found.encode() == value and len(found) == len(TRACE))


@pytest.mark.asyncio
async def test_each_task_has_its_own() -> None:
    async def work(traceparent: str | None) -> str | None:
        with tracing(traceparent):
            await asyncio.sleep(0)
            return traceparent_now()

    wanted = [TRACE, None, TRACE.replace("01", "00")]
    assert await asyncio.gather(*map(work, wanted)) == wanted
    assert traceparent_now() is None
