"""Decisions as sentences, for people who answer shoppers."""

from collections.abc import Mapping

from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.decoding import printable

MAX_CHARACTERS = 20_000  # what hundreds of rules have refused is long


def in_words(decision: Decision) -> str:
    """Reason, its text, what held the event, and the details: `capped: the user has had … (cap 1 per user in 24 h, …)`.

    A terminal shows it as it is, whatever an API or another writer put into the details.
    """
    details = details_in_words(decision.details)
    held = "".join(f", {each}" for each in decision.held_by)
    words = f"{decision.reason}: {decision.reason.row.text}{held}" + (f" ({details})" if details else "")
    return printable(words, MAX_CHARACTERS)


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
