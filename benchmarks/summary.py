"""From all reports to the tables of RESULTS.md: medians, ratios, and whether the targets are met."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.contenders.measure import Report
from benchmarks.latency import Latency
from benchmarks.results import machine, table, write_section
from saving_alerts.domain.decisions import Stage

TITLE = "End to end"
LATENCY_LIMIT_MS = 100.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which stages take part."""

    name: str
    stages: tuple[Stage, ...]

    @property
    def file_name(self) -> str:
        return self.name.replace(" ", "_")


@dataclass(slots=True)
class Figures:
    """Everything that was measured."""

    reports: defaultdict[tuple[str, str], list[Report]] = field(default_factory=lambda: defaultdict(list))
    latencies: dict[str, Latency] = field(default_factory=dict)

    def add(self, scenario: Scenario, contender: str, report: Report) -> None:
        self.reports[scenario.name, contender].append(report)

    def median(self, scenario: str, contender: str, figure: Callable[[Report], float]) -> float:
        return median(figure(report) for report in self.reports[scenario, contender])

    def ratio(self, scenario: str, baseline: str, contender: str = "ours") -> float:
        """How many times the baseline's events per second a contender has: the median of the rounds' ratios."""
        rounds = zip(self.reports[scenario, contender], self.reports[scenario, baseline], strict=True)
        return median(one.events_per_second / other.events_per_second for one, other in rounds)


@dataclass(frozen=True, slots=True)
class Target:
    """The ratio to the baseline's events per second that ours must reach in a scenario."""

    scenario: str
    baseline: str
    at_least: float


TARGETS = (
    Target("validate", "idiomatic", 8),
    Target("validate", "bare", 0.5),
    Target("four stages", "idiomatic", 8),
    Target("four stages", "bare", 0.5),
)


def write_results(figures: Figures, scenarios: Sequence[Scenario], method: str) -> str:
    """Write the section and return it."""
    throughput = table(
        ("", "events/s", "lowest to highest", "CPU s per million", "RSS MiB", "peak RSS MiB"),
        [
            _row(figures, scenario.name, contender)
            for scenario in scenarios
            for contender in ("ours", "idiomatic", "bare")
        ],
    )
    return write_section(TITLE, machine(), method, throughput, _latency_table(figures), targets(figures))


def _row(figures: Figures, scenario: str, contender: str) -> tuple[str, ...]:
    speeds = [report.events_per_second for report in figures.reports[scenario, contender]]
    return (
        f"{scenario}, {contender}",
        f"{median(speeds):,.0f}",
        f"{min(speeds):,.0f} to {max(speeds):,.0f}",
        f"{figures.median(scenario, contender, lambda report: report.cpu_seconds_per_million):.1f}",
        f"{figures.median(scenario, contender, lambda report: report.rss_mib):.0f}",
        f"{figures.median(scenario, contender, lambda report: report.peak_rss_mib):.0f}",
    )


def _latency_table(figures: Figures) -> str:
    rows = [
        (
            f"four stages, {contender}",
            *(f"{figure:.1f}" for figure in (latency.p50_ms, latency.p99_ms)),
            *(f"{figure:.1f}" for figure in (latency.pushed_p50_ms, latency.pushed_p99_ms)),
            f"{latency.events:,} ({latency.pushed:,})",
        )
        for contender, latency in figures.latencies.items()
    ]
    head = ("produce to decision, ms", "all p50", "all p99", "pushed p50", "pushed p99", "events (pushed)")
    return table(head, rows)


def targets(figures: Figures) -> str:
    """The table of what was promised, what was measured, and whether that is enough."""
    ours = figures.latencies["ours"]
    rows = [
        *(_ratio_row(target, figures.ratio(target.scenario, target.baseline)) for target in TARGETS),
        *(_ceiling_row(figures, scenario) for scenario in dict.fromkeys(target.scenario for target in TARGETS)),
        _latency_row("all", ours.p99_ms),
        _latency_row("pushed", ours.pushed_p99_ms),
    ]
    return table(("target", "wanted", "measured", ""), rows)


def _ceiling_row(figures: Figures, scenario: str) -> tuple[str, ...]:
    """The bare loop is as fast as the steps allow: ours cannot be faster."""
    return f"{scenario}: bare to idiomatic", "", f"{figures.ratio(scenario, 'idiomatic', 'bare'):.2f} x", "the ceiling"


def _latency_row(which: str, p99_ms: float) -> tuple[str, ...]:
    wanted = f"< {LATENCY_LIMIT_MS:.0f} ms"
    return f"p99 at 500 events/s, {which}", wanted, f"{p99_ms:.1f} ms", _met(met=p99_ms < LATENCY_LIMIT_MS)


def _ratio_row(target: Target, ratio: float) -> tuple[str, ...]:
    name = f"{target.scenario}: ours to {target.baseline}"
    return name, f">= {target.at_least:g} x", f"{ratio:.2f} x", _met(met=ratio >= target.at_least)


def _met(*, met: bool) -> str:
    return "met" if met else "**not met**"
