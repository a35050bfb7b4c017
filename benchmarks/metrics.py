"""What metrics cost: CPU per event with and without them, and throughput while the DogStatsD agent is away.

The worker's own process, through all four stages on a real Apache Kafka, in turn. After each run its page must account
for every event: what it has read is what ended, summed up over decisions.

python -m benchmarks.metrics
"""

import argparse
import sys
import tempfile
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks import source
from benchmarks.contenders.measure import Job, Report
from benchmarks.contenders.ours import AGENT_AWAY, AGENT_UNKNOWN, NO_METRICS, OURS
from benchmarks.contenders.process import ContenderError, ContenderProcess
from benchmarks.results import machine, table, write_section
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.topics import Topics
from saving_alerts.metrics import FORWARDED, Metric, exposition_name
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import java_and_maven_missing
from tests.support.prometheus import read_page

SOURCE = "events"
VARIANTS = (NO_METRICS, OURS, AGENT_AWAY, AGENT_UNKNOWN)
MOST_CPU, MOST_THROUGHPUT = 0.03, 0.02
REPORT_SECONDS = 180


@dataclass(slots=True)
class Run:
    """`reports` are by variant, one for each round."""

    bootstrap_servers: str
    folder: Path
    events: int
    reports: dict[str, list[Report]] = field(default_factory=lambda: defaultdict(list))

    def measure(self, variant: str, number: int) -> None:
        prefix = f"run-{number}-{VARIANTS.index(variant)}"
        topics = source.own_topics(Topics.named(SOURCE, prefix))
        source.create_topics(self.bootstrap_servers, *topics)
        job = Job(
            contender=variant,
            stages=tuple(Stage),
            bootstrap_servers=self.bootstrap_servers,
            source=SOURCE,
            prefix=prefix,
            events=self.events,
            report=str(self.folder / f"{prefix}.json"),
        )
        with ContenderProcess(job, self.folder / prefix) as process:
            self.reports[variant].append(process.report(REPORT_SECONDS))
            if variant != NO_METRICS:
                _check_sums(process.web_port, self.events)
        source.delete_topics(self.bootstrap_servers, *topics)


def main() -> int:
    """0 when all limits are kept, or nothing can be measured here; 1 when not."""
    arguments = _arguments()
    if sentence := java_and_maven_missing():
        Console().print(f"skipped: {sentence}")
        return 0
    with KafkaCluster(brokers=1) as cluster, tempfile.TemporaryDirectory(prefix="saving-alerts-benchmark-") as folder:
        source.create_topics(cluster.bootstrap_servers, SOURCE)
        source.fill(cluster.bootstrap_servers, SOURCE, arguments.events, lambda _: None)
        run = Run(cluster.bootstrap_servers, Path(folder), arguments.events)
        for number in range(arguments.rounds):
            for variant in VARIANTS:
                run.measure(variant, number)
    print(_written(run, arguments.rounds))
    return 0 if _cpu_share(run) < MOST_CPU and _lost_throughput(run) < MOST_THROUGHPUT else 1


def _check_sums(web_port: int, events: int) -> None:
    """Raises ContenderError where the page does not account for every event."""
    with urllib.request.urlopen(f"http://127.0.0.1:{web_port}/metrics") as answer:
        samples = read_page(answer.read().decode())
    read = samples[exposition_name(Metric.EVENTS_READ), ()]
    ended = sum(
        value
        for (name, labels), value in samples.items()
        if name == exposition_name(Metric.STAGE_OUT) and ("decision", FORWARDED) not in labels
    )
    if not read == ended == events:
        raise ContenderError(f"{read:,.0f} of {events:,} events were read, and {ended:,.0f} ended")


def _cpu_share(run: Run) -> float:
    """Of the CPU time per event, the part that metrics cost: the median of the rounds."""
    pairs = zip(run.reports[OURS], run.reports[NO_METRICS], strict=True)
    return median(1 - without.cpu_seconds_per_million / measured.cpu_seconds_per_million for measured, without in pairs)


def _lost_throughput(run: Run) -> float:
    """Of the events per second, how many are lost while the agent is away: the median, of the worse way to be away."""
    return max(_lost(run.reports[each], run.reports[OURS]) for each in (AGENT_AWAY, AGENT_UNKNOWN))


def _lost(away: list[Report], here: list[Report]) -> float:
    return median(1 - one.events_per_second / other.events_per_second for one, other in zip(away, here, strict=True))


def _written(run: Run, rounds: int) -> str:
    method = (
        f"{rounds} rounds in turn, medians. {run.events:,} events through all four stages of one worker. After each "
        "run the sum of `stage.out` over decisions was the number of `events.read`. The agent is away: nobody listens "
        "at its address, or nobody knows its name."
    )
    cost, lost = f"{_cpu_share(run):.1%}", f"{_lost_throughput(run):.1%}"
    verdict = (
        ("of the CPU per event, metrics cost", cost, f"less than {MOST_CPU:.0%}"),
        ("of the throughput, an agent that is away costs", lost, f"less than {MOST_THROUGHPUT:.0%}"),
    )
    rows = [_row(*each) for each in run.reports.items()]
    return write_section(
        "Metrics",
        machine(),
        method,
        table(("", "events/s", "CPU s per million", "lowest to highest"), rows),
        table(("median of the rounds", "measured", "wanted"), verdict),
    )


def _row(variant: str, reports: list[Report]) -> tuple[str, ...]:
    cpu = [each.cpu_seconds_per_million for each in reports]
    pace = median(each.events_per_second for each in reports)
    return variant, f"{pace:,.0f}", f"{median(cpu):.1f}", f"{min(cpu):.1f} to {max(cpu):.1f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
