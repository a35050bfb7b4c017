"""The templates of these pages. Everything that is filled in is escaped."""

from jinja2 import Environment, PackageLoader

_environment = Environment(loader=PackageLoader("saving_alerts.web"), autoescape=True, trim_blocks=True)


def rendered(template: str, **values: object) -> str:
    return _environment.get_template(template).render(**values)


def failed_html(problem: str) -> str:
    """The page of what could not be read."""
    return rendered("explain_failed.html", problem=problem)
