"""The section of the page on rules that are tried on some of the users, for a terminal."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from saving_alerts.commands.output import cell
from saving_alerts.commands.stats.titled_table import titled_table
from saving_alerts.web.canary import Canary
from saving_alerts.web.stats import Stats
from saving_alerts.web.words import count, moment


def canary_lines(stats: Stats) -> Iterator[RenderableType]:
    """What is tried, on whom, until when, and what the guards have seen."""
    yield Text("Canary", style="bold")
    if stats.canary_problem:
        yield cell(stats.canary_problem)
    canary = stats.canary
    if canary is None:
        yield cell("No rules are tried.")
        return
    what = f"{canary.id}: version {canary.version} on {canary.percent:g} % of the users in place of {canary.instead_of}"
    when = f"from {moment(canary.begins, stats.at)} until {moment(canary.ends, stats.at)}"
    yield cell(f"{what}, {when}, by {canary.by}: {canary.note}")
    if not canary.is_taken_back:
        yield cell(f"{canary.workers} of {len(stats.cluster)} workers use it")
    yield cell(canary.state)
    if canary.guards:
        yield _guards(canary)


def _guards(canary: Canary) -> RenderableType:
    rows = [
        (
            each.name,
            *(count(number) for number in (each.hits, each.events)),
            *(f"{share:.2%}" for share in (each.foretold, each.limit)),
            f"{each.share:.0%}",
        )
        for each in canary.guards
    ]
    return titled_table("Guards", ("guard", "hits", "of", "foretold", "limit", "of the evidence"), rows)
