"""The templates of these pages. Everything that is filled in is escaped."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> "Environment":
    """Imported with the first page: many workers never show one."""
    from jinja2 import Environment, PackageLoader  # noqa: PLC0415

    return Environment(loader=PackageLoader("saving_alerts.web"), autoescape=True, trim_blocks=True)


def rendered(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


def failed_html(problem: str) -> str:
    """The page of what could not be read."""
    return rendered("explain_failed.html", problem=problem)
