"""Statistics and health as the bytes of a response."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from saving_alerts.supervision.health import Condition, all_required_hold
from saving_alerts.web.stats import Stats
from saving_alerts.web.words import FILTERS

if TYPE_CHECKING:
    from jinja2 import Environment

LIVE_SCRIPT, STYLE = (
    files("saving_alerts.web").joinpath(f"templates/{name}").read_bytes() for name in ("live.js", "page.css")
)


def html(stats: Stats) -> bytes:
    return _environment().get_template("stats.html").render(stats=stats).encode()


@cache
def _environment() -> "Environment":
    """Imported with the first page: many workers never show one."""
    from jinja2 import Environment, PackageLoader  # noqa: PLC0415

    environment = Environment(loader=PackageLoader("saving_alerts.web"), autoescape=True, trim_blocks=True)
    environment.filters |= FILTERS
    return environment


def json(stats: Stats) -> bytes:
    return msgspec.json.encode(stats)


def health(name: str, conditions: Sequence[Condition]) -> tuple[int, bytes]:
    """HTTP status and JSON body: 200 if every required condition holds, else 503, with all conditions."""
    good = all_required_hold(conditions)
    return (200 if good else 503), msgspec.json.encode({name: good, "conditions": conditions})
