"""The demo shows the funnel that a worker's page would show of the same events."""

from collections import Counter
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from demo.checks.funnel import show_funnel
from saving_alerts.domain.funnel import funnel
from saving_alerts.domain.history import READ, CountedByTime, Deployment
from saving_alerts.domain.reasons import Reason
from saving_alerts.web.flows import totals_of
from tests.support.fakes.clock import START

COUNTS = st.dictionaries(st.sampled_from(Reason), st.integers(0, 10**9)).map(Counter)


def shown(counts: Counter[Reason]) -> list[list[str]]:
    console = Console(file=StringIO(), width=120)
    show_funnel(console, counts)
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]


@given(counts=COUNTS)
def test_it_is_the_funnel_of_the_page(counts: Counter[Reason]) -> None:
    counted = CountedByTime()
    counted.count(READ, counts.total(), START)
    for reason, events in counts.items():
        counted.count(str(reason), events, START)

    page = funnel(*totals_of(Deployment((counted.history("a"),), START)))

    assert shown(counts) == [[step.name, f"{step.events:,}", f"{step.share:.2%}"] for step in page]


def test_what_is_held_out_or_fails_is_no_alert() -> None:
    counts = Counter({Reason.HELD_OUT: 2, Reason.DEAD_LETTER: 1, Reason.PUSHED: 1})

    assert shown(counts)[-2:] == [["alert", "1", "25.00%"], ["pushed", "1", "25.00%"]]
