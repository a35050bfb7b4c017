"""The app of a worker that has reached nothing yet: its pages answer, and may open no port."""

from contextlib import AsyncExitStack

from saving_alerts.app import SavingAlertsApp, create_app
from saving_alerts.dependencies import Dependencies
from saving_alerts.metrics import Metrics
from saving_alerts.ports import Ports
from saving_alerts.ports.clock import Clock
from saving_alerts.settings import Settings, example_settings
from saving_alerts.worker.external_factories import ExternalFactories
from tests.support.fakes.clock import FakeClock


def unopened_app(worker_name: str = "worker-1", web_token_file: str | None = None) -> SavingAlertsApp:
    settings = example_settings().model_copy(update={"worker_name": worker_name, "web_token_file": web_token_file})
    return create_app(settings, external=ExternalFactories(open_ports=_refuse), clock=FakeClock())


async def _refuse(
    settings: Settings, clock: Clock, metrics: Metrics, closing: AsyncExitStack, dependencies: Dependencies
) -> Ports:
    raise AssertionError("a page opened the ports")
