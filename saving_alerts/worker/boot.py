"""What has to happen before a worker consumes anything, as services in the order of Faust's boot.

Boot order: web server · stuck loop · output producer · adapters · heartbeat · access to Kafka · kill switches ·
consent · erasures · first rules and merchants · guards of the canary · watchdog · consumer.
Children start one after the other and stop in reverse; the first rules and merchants are read while those before them
start. So `/health/ready` answers while the first rules are awaited,
nothing is consumed before they are there, and the output producer outlives the last commit.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol, cast

from faust.app.base import BootStrategy
from mode import Service, ServiceT

from saving_alerts.supervision.kafka_access import KafkaAccess
from saving_alerts.supervision.stuck_loop import StuckLoop
from saving_alerts.supervision.watchdog import Watchdog
from saving_alerts.worker.canary_watch import CanaryWatch
from saving_alerts.worker.runtime import WorkerRuntime
from saving_alerts.worker.timers import Heartbeat

FIRST_LOOK_PAUSE_SECONDS = 1.0


class BootedApp(Protocol):
    """What the boot needs of the app."""

    runtime: WorkerRuntime
    heartbeat: Heartbeat
    canary_watch: CanaryWatch
    watchdog: Watchdog
    kafka_access: KafkaAccess


class Boot(BootStrategy):
    """Our services start before the consumer, so that whatever an event needs is there before the first one."""

    def kafka_consumer(self) -> Iterable[ServiceT]:
        app = cast("BootedApp", self.app)
        runtime = app.runtime
        stuck_loop = StuckLoop(runtime.settings.standstill_seconds)
        watches = [app.heartbeat, app.kafka_access]
        consent = runtime.consent.services if runtime.consent else ()
        erasures = [runtime.erasures] if runtime.erasures else []
        adapters = AdapterLifecycle(runtime)
        known = [runtime.kill_switches, *consent, *erasures, AwaitReferenceData(adapters), app.canary_watch]
        ours = [stuck_loop, runtime.producer, adapters, *watches, *known, app.watchdog]
        return [*ours, *super().kafka_consumer()]


class AdapterLifecycle(Service):
    """Opens the adapters before anything is consumed, and closes them after everything was.

    `reference_data_is_there` is set once the first rules and merchants are read, which begins at once.
    """

    def __init__(self, runtime: WorkerRuntime) -> None:
        super().__init__()
        self._runtime = runtime
        self.reference_data_is_there = asyncio.Event()
        self._reading: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        await self._runtime.open()
        self._reading = self.add_future(self._read_reference_data())

    async def _read_reference_data(self) -> None:
        if self._runtime.opened is not None:
            await self._runtime.opened.loader.wait_until_loaded(FIRST_LOOK_PAUSE_SECONDS)
            await self._runtime.opened.canaries.wait_until_known(FIRST_LOOK_PAUSE_SECONDS)
            self.reference_data_is_there.set()

    async def on_stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._runtime.close()


class AwaitReferenceData(Service):
    """Holds the boot until the first rules and merchants are there; a worker that is stopped meanwhile stops."""

    def __init__(self, adapters: AdapterLifecycle) -> None:
        super().__init__()
        self._adapters = adapters

    async def on_start(self) -> None:
        await self.wait(self._adapters.reference_data_is_there.wait())
