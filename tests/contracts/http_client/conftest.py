"""Every test here runs on both event loops: commands use the one, workers the other."""

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """By the names that tests are shown with."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
