"""Decisions as sentences, for people who answer shoppers."""

from collections.abc import Mapping

from saving_alerts.domain.decisions import Decision


def in_words(decision: Decision) -> str:
    """Reason, its text and the details: `capped: the user has had … (cap 1 per user in 24 h, until …)`."""
    details = details_in_words(decision.details)
    return f"{decision.reason}: {decision.reason.row.text}" + (f" ({details})" if details else "")


def details_in_words(details: Mapping[str, object]) -> str:
    """Names and values in one line, without empty values."""
    texts = ((name.replace("_", " "), _value(value)) for name, value in details.items())
    return ", ".join(f"{name} {value}" for name, value in texts if value)


def _value(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case dict():
            return details_in_words(value)
        case list():
            return "; ".join(_value(item) for item in value)
        case _:
            return str(value)
