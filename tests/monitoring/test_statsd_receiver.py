"""A DogStatsD receiver that others have written understands everything: by UDP, by a name, and by a Unix socket."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.servers.free_port import FreePort
from demo.workers import child_process
from saving_alerts.adapters.datadog import DatadogMetrics, DatadogPolicy
from saving_alerts.metrics import CATALOGUE, Metric, MetricKind
from tests.end_to_end.conditions import wait_until
from tests.support.every_metric import say
from tests.support.programs import program

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(120)]

TAGS = {"env": "test", "service": "saving-alerts", "version": "0.1.0", "worker": "w-1", "team": "offers"}
SECONDS = 30
OF_THE_RECEIVER = ("statsd_exporter_", "go_", "process_", "promhttp_")


class StatsdExporter:
    """The receiver within a `with` block; `samples` is what it has heard, by name and labels."""

    def __init__(self, folder: Path) -> None:
        self.socket_path = folder / "dsd.socket"
        self._web_port = FreePort()
        self.udp_port = self._web_port.number  # a number that is ours
        self._folder = folder

    def __enter__(self) -> Self:
        command = [
            program("statsd_exporter"),
            f"--web.listen-address=127.0.0.1:{self._web_port.number}",
            f"--statsd.listen-udp=127.0.0.1:{self.udp_port}",
            "--statsd.listen-tcp=",
            f"--statsd.listen-unixgram={self.socket_path}",
        ]
        self._process = child_process.start(command, self._folder)
        wait_until(self._answers, SECONDS, "the receiver answers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        child_process.kill(self._process)
        self._web_port.close()

    def samples(self) -> dict[tuple[str, str], float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._web_port.number}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return {
                (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
                for family in families
                for sample in family.samples
            }

    def names(self) -> set[str]:
        return {name for name, _ in self.samples() if not name.startswith(OF_THE_RECEIVER)}

    def errors(self) -> float:
        """How many lines and tags it could not read."""
        wrong = ("statsd_exporter_sample_errors_total", "statsd_exporter_tag_errors_total")
        return sum(value for (name, _), value in self.samples().items() if name in wrong)

    def _answers(self) -> bool:
        try:
            return bool(self.samples())
        except OSError:
            return False


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[StatsdExporter]:
    with StatsdExporter(tmp_path) as receiver:
        yield receiver


def heard_as(metric: Metric) -> str:
    """Its name in the receiver, which makes a summary of a distribution; the parser of its page ends counters alike."""
    name = f"saving_alerts_{metric}".replace(".", "_")
    return name + {MetricKind.DISTRIBUTION: "_count", MetricKind.COUNT: "_total"}.get(CATALOGUE[metric].kind, "")


@pytest.mark.parametrize("way", ["an address", "a name", "a socket"])
def test_every_metric_of_the_catalogue_is_understood(receiver: StatsdExporter, way: str) -> None:
    port, socket_path = receiver.udp_port, str(receiver.socket_path)
    policy = {
        "an address": DatadogPolicy("127.0.0.1", port, constant_tags=TAGS),
        "a name": DatadogPolicy("localhost", port, constant_tags=TAGS),
        "a socket": DatadogPolicy(socket_path=socket_path, constant_tags=TAGS),
    }[way]
    metrics = DatadogMetrics(policy)

    for metric in Metric:
        say(metrics, metric, 3)
    metrics.close()

    wait_until(lambda: receiver.names() >= set(map(heard_as, Metric)), SECONDS, "all were heard")
    assert receiver.errors() == 0


def test_the_tags_arrive_and_counts_add_up(receiver: StatsdExporter) -> None:
    metrics = DatadogMetrics(DatadogPolicy("127.0.0.1", receiver.udp_port, constant_tags=TAGS))
    for _ in range(3):
        metrics.count(Metric.STAGE_OUT, 2, stage="validate", decision="expired")
        metrics.flush()
    metrics.close()

    labels = json.dumps({**TAGS, "stage": "validate", "decision": "expired"}, sort_keys=True)
    counted = ("saving_alerts_stage_out_total", labels)
    wait_until(lambda: receiver.samples().get(counted) == 6, SECONDS, "six were heard")
