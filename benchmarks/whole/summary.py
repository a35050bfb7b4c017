"""From all runs to the table of RESULTS.md: medians, with the lowest and the highest."""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.results import machine, table, write_section
from benchmarks.whole.measure import Measured

HEAD = (
    "",
    "events/s",
    "CPU µs per event",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "Kafka requests per event",
    "start, CPU s",
    "pushes",
)
# With fewer values a percentile is one of the highest few.
VALUES_FOR_999 = 1000


@dataclass(frozen=True, slots=True)
class Scenario:
    """`milliseconds`: the latency of the Coupon API and of the push API. `rate`: 0 drains."""

    name: str
    milliseconds: tuple[float, float]
    rate: int


@dataclass(slots=True)
class Figures:
    """Everything that was measured."""

    runs: defaultdict[tuple[str, str], list[Measured]] = field(default_factory=lambda: defaultdict(list))

    def add(self, scenario: Scenario, contender: str, measured: Measured) -> None:
        self.runs[scenario.name, contender].append(measured)

    def last(self, scenario: Scenario, contender: str) -> str:
        row = self._row(scenario.name, contender, -1)
        return ", ".join(f"{name} {cell}" for name, cell in zip(HEAD[1:], row, strict=True) if cell)

    def rows(self) -> list[tuple[str, ...]]:
        return [(f"{scenario}, {contender}", *self._row(scenario, contender, 0)) for scenario, contender in self.runs]

    def _row(self, scenario: str, contender: str, since: int) -> tuple[str, ...]:
        runs = self.runs[scenario, contender][since:]
        latencies = sorted(each for run in runs for each in run.latencies)
        return (
            _spread(runs, lambda run: run.events / run.seconds, ",.0f"),
            _spread(runs, lambda run: run.cpu_seconds / run.events * 1e6, ",.0f"),
            _milliseconds(latencies, 0.5),
            _milliseconds(latencies, 0.99),
            _milliseconds(latencies, 0.999) if len(latencies) >= VALUES_FOR_999 else "",
            _requests(runs),
            _spread(runs, lambda run: run.start_cpu_seconds, ".2f"),
            f"{median(run.pushes for run in runs):,.0f}",
        )


def _spread(runs: Sequence[Measured], figure: Callable[[Measured], float], form: str) -> str:
    values = [figure(run) for run in runs]
    middle = f"{median(values):{form}}"
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"


def _milliseconds(latencies: Sequence[float], share: float) -> str:
    return f"{latencies[min(int(len(latencies) * share), len(latencies) - 1)] * 1000:.0f}" if latencies else ""


def _requests(runs: Sequence[Measured]) -> str:
    events = sum(run.events for run in runs)
    kinds = {kind: sum(run.requests.get(kind, 0) for run in runs) / events for kind in ("produce", "fetch")}
    every = sum(sum(run.requests.values()) for run in runs) / events
    return f"{every:.3f} (" + ", ".join(f"{kind} {number:.3f}" for kind, number in kinds.items()) + ")"


def written(figures: Figures, arguments: argparse.Namespace) -> str:
    """The table; it is the section of RESULTS.md now, unless another checkout took part."""
    rows = table(HEAD, figures.rows())
    if arguments.former:
        return rows
    method = (
        f"{arguments.rounds} rounds in turn: medians, lowest and highest; percentiles are of all rounds together. "
        f"{arguments.drain:,} events on 12 partitions wait, or they come at a rate for {arguments.seconds} s after a "
        "warm-up; about 5 of 100 are asked for, 2 pushed. Counted from when a contender has joined its group. "
        f"Calls of each API at once, of a process: {arguments.calls or 'the default, 64'}. "
        "Latency is from produce to accepted push."
    )
    return write_section(title(arguments.workers), machine(), method, rows)


def title(workers: int) -> str:
    return "A whole worker" if workers == 1 else f"{workers} whole workers"
