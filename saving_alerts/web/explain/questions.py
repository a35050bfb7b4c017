"""What the page is asked, from the address of a request, and as it is handed to the process that reads."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

import msgspec

from saving_alerts.domain.events import MAX_IDENTIFIER_CHARACTERS
from saving_alerts.domain.sentences.language import Language

DAYS = (1, 7, 30)  # decisions are kept for 30


class Page(StrEnum):
    """What is asked for. `COUNTED_RULES` reads the decisions as well, `RESULTS` also what shoppers did then."""

    EXPLAIN = "explain"
    RULES = "rules"
    COUNTED_RULES = "counted_rules"
    RESULTS = "results"


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of `EXPLAIN` a user or an event is given; without both it is the empty form.

    `again`: how the event would end with today's rules.
    """

    user_id: str | None = None
    event_id: str | None = None
    days: int = 1
    language: Language = Language.ENGLISH
    again: bool = False
    page: Page = Page.EXPLAIN

    @property
    def is_empty(self) -> bool:
        return self.user_id is None and self.event_id is None

    @property
    def since(self) -> timedelta:
        return timedelta(days=self.days)


def question_in(query: Mapping[str, str]) -> Question:
    """Whatever else stands in the address is ignored; an id that can be none is not asked about."""
    days = query.get("days", "")
    language = query.get("language", "")
    return Question(
        user_id=_id(query.get("user")),
        event_id=_id(query.get("event")),
        days=next((each for each in DAYS if str(each) == days), DAYS[0]),
        language=next((each for each in Language if each == language), Language.ENGLISH),
        again=query.get("again") == "1",
    )


def _id(text: str | None) -> str | None:
    stripped = (text or "").strip()
    try:
        stripped.encode()
    except UnicodeEncodeError:  # half of a character, which no id has
        return None
    return stripped if 0 < len(stripped) <= MAX_IDENTIFIER_CHARACTERS else None
