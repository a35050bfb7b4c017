"""The first rules and merchants are read from the start of the adapters on, and the consumer waits for them."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from saving_alerts.worker.boot import AdapterLifecycle, AwaitReferenceData
from saving_alerts.worker.runtime import WorkerRuntime
from tests.support.until import until

pytestmark = pytest.mark.asyncio


class Runtime:
    """Opens at once; its files come when `files` is set. `told` is what happened."""

    def __init__(self) -> None:
        self.files = asyncio.Event()
        self.told: list[str] = []
        self.opened: SimpleNamespace | None = None

    async def open(self) -> None:
        self.told.append("opened")
        self.opened = SimpleNamespace(loader=self, canaries=self)

    async def close(self) -> None:
        self.told.append("closed")

    async def wait_until_loaded(self, pause_seconds: float) -> None:
        self.told.append("reads")
        try:
            await self.files.wait()
        finally:
            self.told.append("read" if self.files.is_set() else "reads no more")

    async def wait_until_known(self, pause_seconds: float) -> None:
        self.told.append("knows the canary")


def services(runtime: Runtime) -> tuple[AdapterLifecycle, AwaitReferenceData]:
    adapters = AdapterLifecycle(cast("WorkerRuntime", runtime))
    return adapters, AwaitReferenceData(adapters)


async def test_the_files_are_read_while_the_services_in_between_start() -> None:
    runtime = Runtime()
    adapters, awaiting = services(runtime)

    await adapters.start()
    await until(lambda: runtime.told == ["opened", "reads"])
    runtime.files.set()
    await until(adapters.reference_data_is_there.is_set)
    await awaiting.start()

    assert runtime.told == ["opened", "reads", "read", "knows the canary"]
    await awaiting.stop()
    await adapters.stop()


async def test_nothing_behind_them_starts_before_the_files_are_there() -> None:
    runtime = Runtime()
    adapters, awaiting = services(runtime)
    await adapters.start()

    starting = asyncio.create_task(awaiting.maybe_start())
    await until(lambda: "reads" in runtime.told)
    assert not starting.done()
    runtime.files.set()
    await starting

    await awaiting.stop()
    await adapters.stop()


async def test_a_worker_that_stops_meanwhile_reads_no_more_before_its_adapters_close() -> None:
    runtime = Runtime()
    adapters, awaiting = services(runtime)
    await adapters.start()
    starting = asyncio.create_task(awaiting.maybe_start())
    await until(lambda: "reads" in runtime.told)

    await awaiting.stop()
    await adapters.stop()
    await starting

    assert runtime.told == ["opened", "reads", "reads no more", "closed"]
