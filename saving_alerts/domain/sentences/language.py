"""What a language needs to say of a decision. Each is one value of `Words`, complete: a test holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause


class Language(StrEnum):
    """The languages in which decisions are told. The value is what `--language` takes."""

    ENGLISH = "en"
    GERMAN = "de"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. Texts have named placeholders in braces; `locale` is that of dates, times and lists in CLDR.

    `reasons` is what is said of every reason where nothing more is known; `told` are sentences of reasons of which a
    decision says more, by a name that `telling.py` chooses.
    """

    locale: str
    capital_after_colon: bool
    leads: Mapping[str, str]
    days: Mapping[str, str]
    places: Mapping[str, str]
    reasons: Mapping[Reason, str]
    told: Mapping[str, str]
    clauses: Mapping[Clause, str]
    labels: Mapping[str, str]
    stages: Mapping[str, str]
