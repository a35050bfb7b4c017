"""One run of the end-to-end benchmark: fill the sources, measure the throughput in turn, then the latency."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress

from benchmarks import source
from benchmarks.contenders.measure import Job
from benchmarks.contenders.process import CONTENDERS, ContenderProcess
from benchmarks.latency import LatencyRun, measure_latency
from benchmarks.summary import Figures, Scenario
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.topics import Topics

SCENARIOS = (Scenario("validate", (Stage.VALIDATE,)), Scenario("four stages", tuple(Stage)))
# Idiomatic Faust takes about ten times as long for an event: with fewer events all contenders run about as long.
IDIOMATIC_DIVISOR = 6
REPORT_TIMEOUT_SECONDS = 180
TIMED_CONTENDERS = ("ours", "idiomatic")


@dataclass(slots=True)
class Run:
    """One run of the program: where Kafka is, what to measure, and how far it is."""

    bootstrap_servers: str
    folder: Path
    events: int
    rounds: int
    latency_seconds: int
    progress: Progress
    profiles: Path | None = None
    figures: Figures = field(default_factory=Figures)

    def all(self) -> Figures:
        """Fill the sources, measure the throughput in interleaved rounds, then the latency."""
        self._fill(*CONTENDERS[:2])
        with self._bar("contenders", self.rounds * len(SCENARIOS) * len(CONTENDERS)) as advance:
            for number in range(self.rounds):
                for scenario in SCENARIOS:
                    for contender in CONTENDERS:
                        self._measure_throughput(scenario, contender, number)
                        advance(1)
        for contender in TIMED_CONTENDERS:
            self._measure_latency(contender)
        return self.figures

    def profile(self) -> None:
        """Ours once in each scenario, under the profiler, which makes it slower."""
        self._fill("ours")
        for scenario in SCENARIOS:
            self._measure_throughput(scenario, "ours", 0)

    def _fill(self, *contenders: str) -> None:
        """The bare loop reads the same source as ours."""
        source.create_topics(self.bootstrap_servers, *map(self._source, contenders))
        with self._bar("events", sum(map(self._events, contenders))) as advance:
            for contender in contenders:
                source.fill(self.bootstrap_servers, self._source(contender), self._events(contender), advance)

    def _events(self, contender: str) -> int:
        return self.events // IDIOMATIC_DIVISOR if contender == "idiomatic" else self.events

    def _source(self, contender: str) -> str:
        return f"events-{self._events(contender)}"

    def _measure_throughput(self, scenario: Scenario, contender: str, number: int) -> None:
        prefix = f"{contender}-{len(scenario.stages)}-{number}"
        with self._job(contender, scenario, prefix, self._source(contender), self._events(contender)) as process:
            report = process.report(REPORT_TIMEOUT_SECONDS)
        self.figures.add(scenario, contender, report)

    def _measure_latency(self, contender: str) -> None:
        prefix, source_name = f"{contender}-latency", f"{contender}-latency-events"
        source.create_topics(self.bootstrap_servers, source_name)
        decisions = Topics.named(source_name, prefix).decisions.name
        run = LatencyRun(self.bootstrap_servers, source_name, decisions, self.latency_seconds)
        with (
            self._job(contender, SCENARIOS[-1], prefix, source_name, 0) as process,
            self._bar(f"latency, {contender}", run.events) as advance,
        ):
            self.figures.latencies[contender] = measure_latency(run, process, advance)

    @contextmanager
    def _job(
        self, contender: str, scenario: Scenario, prefix: str, source_name: str, events: int
    ) -> Iterator[ContenderProcess]:
        """The running contender, with topics of its own that are deleted afterwards."""
        topics = source.own_topics(Topics.named(source_name, prefix))
        source.create_topics(self.bootstrap_servers, *topics)
        job = Job(
            contender=contender,
            stages=scenario.stages,
            bootstrap_servers=self.bootstrap_servers,
            source=source_name,
            prefix=prefix,
            events=events,
            report=str(self.folder / f"{prefix}.json"),
            profile=str(self.profiles / f"{scenario.file_name}.prof") if self.profiles else None,
        )
        with ContenderProcess(job, self.folder / prefix) as process:
            yield process
        source.delete_topics(self.bootstrap_servers, *topics)

    @contextmanager
    def _bar(self, what: str, total: int) -> Iterator[source.Advance]:
        task = self.progress.add_task(what, total=total)
        yield lambda more: self.progress.advance(task, more)
