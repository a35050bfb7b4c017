"""What the benchmarks conclude from their figures, and how they write them down."""

from pathlib import Path

import pytest

from benchmarks.contenders.measure import Counts, Report
from benchmarks.latency import Latency
from benchmarks.results import table, write_section
from benchmarks.summary import Figures, Scenario, targets
from saving_alerts.domain.decisions import Stage

VALIDATE = Scenario("validate", (Stage.VALIDATE,))
FOUR = Scenario("four stages", tuple(Stage))


def report(events_per_second: float) -> Report:
    return Report(events=1_000, seconds=1_000 / events_per_second, cpu_seconds=1, rss_mib=1, peak_rss_mib=1)


def figures(validate: float, bare: float, four: float, p99_ms: float, four_bare: float = 0.6) -> Figures:
    """Ours so many times as fast as idiomatic Faust, which does 1,000 a second; `bare`: as fast as the bare loop."""
    found = Figures()
    for scenario, ratio, to_bare in ((VALIDATE, validate, bare), (FOUR, four, four_bare)):
        found.add(scenario, "ours", report(1_000 * ratio))
        found.add(scenario, "idiomatic", report(1_000))
        found.add(scenario, "bare", report(1_000 * ratio / to_bare))
    found.latencies["ours"] = Latency(100, 1, p99_ms, 10, 1, p99_ms)
    return found


def test_a_run_at_every_target_says_that_all_are_met() -> None:
    text = targets(figures(validate=8.1, bare=0.6, four=8.1, p99_ms=99))

    assert "not met" not in text


@pytest.mark.parametrize(
    "missed",
    [
        pytest.param(figures(validate=7.9, bare=0.6, four=9, p99_ms=50), id="validate to idiomatic"),
        pytest.param(figures(validate=9, bare=0.4, four=9, p99_ms=50), id="validate to bare"),
        pytest.param(figures(validate=9, bare=0.6, four=7.9, p99_ms=50), id="four stages to idiomatic"),
        pytest.param(figures(validate=9, bare=0.6, four=9, p99_ms=50, four_bare=0.4), id="four stages to bare"),
    ],
)
def test_a_missed_ratio_is_said(missed: Figures) -> None:
    text = targets(missed)

    assert text.count("**not met**") == 1


def test_a_missed_latency_is_said_for_all_and_for_the_pushed() -> None:
    text = targets(figures(validate=9, bare=0.6, four=9, p99_ms=101))

    assert text.count("**not met**") == 2


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    found = Figures()
    for ours, baseline in ((10, 1), (20, 10), (90, 10)):
        found.add(VALIDATE, "ours", report(ours))
        found.add(VALIDATE, "bare", report(baseline))

    assert found.ratio("validate", "bare") == pytest.approx(9)


@pytest.mark.parametrize(
    ("arrived", "complete"),
    [pytest.param(3, True, id="all arrived"), pytest.param(2, False, id="one is on its way")],
)
def test_events_are_complete_when_none_is_between_two_stages(arrived: int, complete: bool) -> None:  # noqa: FBT001
    counts = Counts()
    counts.note(Stage.VALIDATE, 10, 3)
    counts.note(Stage.QUERY_COUPONS, arrived, 0)

    assert counts.are_complete(10, (Stage.VALIDATE, Stage.QUERY_COUPONS)) is complete


def test_a_section_replaces_the_one_of_its_title_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write_section("Speed", "old", path=path)
    write_section("Memory", "kept", path=path)

    write_section("Speed", "new", path=path)

    sections = path.read_text().split("## ")[1:]
    assert [section.split() for section in sections] == [["Memory", "kept"], ["Speed", "new"]]


def test_a_table_has_its_rule_below_its_head() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
