"""Statistics and health as the bytes of a response."""

from collections.abc import Sequence
from importlib.resources import files

import msgspec
from jinja2 import Environment, PackageLoader

from saving_alerts.supervision.health import Condition, all_required_hold
from saving_alerts.web.stats import Stats
from saving_alerts.web.words import FILTERS

LIVE_SCRIPT, STYLE = (
    files("saving_alerts.web").joinpath(f"templates/{name}").read_bytes() for name in ("live.js", "page.css")
)

_environment = Environment(loader=PackageLoader("saving_alerts.web"), autoescape=True, trim_blocks=True)
_environment.filters |= FILTERS


def html(stats: Stats) -> bytes:
    return _environment.get_template("stats.html").render(stats=stats).encode()


def json(stats: Stats) -> bytes:
    return msgspec.json.encode(stats)


def health(name: str, conditions: Sequence[Condition]) -> tuple[int, bytes]:
    """HTTP status and JSON body: 200 if every required condition holds, else 503, with all conditions."""
    good = all_required_hold(conditions)
    return (200 if good else 503), msgspec.json.encode({name: good, "conditions": conditions})
