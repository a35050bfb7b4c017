"""The rules file as a product manager writes it: every field checked, all mistakes reported at once with their path."""

import hashlib
import re
from collections import Counter
from datetime import time, timedelta
from string import Template
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from saving_alerts.domain.caps import MAX_CAP_HOURS, Cap, CapPer
from saving_alerts.domain.events import GEOFENCE_TYPES, TYPES_WITHOUT_MERCHANT, EventType
from saving_alerts.domain.messages import PLACEHOLDERS, Message, Text
from saving_alerts.domain.quiet_hours import QuietHours
from saving_alerts.domain.rules import Rule, RuleSet

VERSION_DIGITS = 12
_IN_PLAIN_WORDS = {"extra_forbidden": "there is no such field", "missing": "missing", "too_short": "must not be empty"}
_TWO_DIGITS = re.compile("[0-9]{2}")
DEFAULT_FRESHNESS = {
    kind: timedelta(minutes=10 if kind in GEOFENCE_TYPES else 30)
    for kind in EventType
    if kind not in TYPES_WITHOUT_MERCHANT
}


class RulesRefusedError(Exception):
    """The file is refused whole; `mistakes` has one line each: path, what is wrong."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def _clock(value: object) -> time:
    if isinstance(value, str):
        hours, colon, minutes = value.partition(":")
        if colon and _TWO_DIGITS.fullmatch(hours) and _TWO_DIGITS.fullmatch(minutes):
            return time(int(hours), int(minutes))
    raise ValueError('a time of day like "22:00" is expected')


def _template(value: str) -> str:
    template = Template(value)
    if not template.is_valid():
        raise ValueError("a `$` that starts no placeholder: write `$$` for a dollar sign")
    unknown = sorted(set(template.get_identifiers()) - PLACEHOLDERS)
    if unknown:
        names = " ".join(f"${name}" for name in unknown)
        raise ValueError(f"unknown placeholder {names}; there are: {', '.join(sorted(PLACEHOLDERS))}")
    return value


def _has_merchant(value: EventType) -> EventType:
    if value in TYPES_WITHOUT_MERCHANT:
        raise ValueError(f"{value} happens at no merchant, so it cannot trigger a saving alert")
    return value


Clock = Annotated[time, BeforeValidator(_clock)]
TemplateText = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_template)]
TriggerType = Annotated[EventType, AfterValidator(_has_merchant)]
Glob = Annotated[str, Field(min_length=1, max_length=128)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CapDocument(_Document):
    per: CapPer
    pushes: int = Field(ge=1, le=100, strict=True)
    hours: float = Field(gt=0, le=MAX_CAP_HOURS, strict=True)


class QuietHoursDocument(_Document):
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("`from` and `to` are the same: leave quiet_hours out for none")
        return self


class MerchantsDocument(_Document):
    allow: tuple[Glob, ...] = Field(default=("*",), min_length=1)
    deny: tuple[Glob, ...] = ()


class TextDocument(_Document):
    title: TemplateText
    body: TemplateText


class MessageDocument(_Document):
    fallback: str = Field(min_length=2, max_length=35)
    texts: dict[str, TextDocument] = Field(min_length=1)

    @model_validator(mode="after")
    def _fallback_exists(self) -> Self:
        if self.fallback not in self.texts:
            raise ValueError(f"there is no text for the fallback locale {self.fallback!r}")
        return self


class RuleDocument(_Document):
    id: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    enabled: bool = Field(default=True, strict=True)
    priority: int = Field(default=100, strict=True, description="smaller numbers are tried first")
    event_types: frozenset[TriggerType] = Field(min_length=1)
    merchants: MerchantsDocument = MerchantsDocument()
    min_discount_percent: float | None = Field(default=None, ge=0, le=100, strict=True)
    message: MessageDocument


class RulesDocument(_Document):
    caps: tuple[CapDocument, ...] = Field(min_length=1)
    quiet_hours: QuietHoursDocument | None = None
    freshness_minutes: dict[TriggerType, Annotated[float, Field(gt=0, le=24 * 60, strict=True)]] = {}
    rules: tuple[RuleDocument, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        times = Counter(rule.id for rule in self.rules)
        twice = sorted(rule_id for rule_id, count in times.items() if count > 1)
        if twice:
            raise ValueError(f"two rules have the same id: {', '.join(twice)}")
        return self


def version_of(raw: bytes) -> str:
    """The version of a file is its content: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:VERSION_DIGITS]


def read_rules(raw: bytes) -> RuleSet:
    """Check and compile a rules file. Raises RulesRefusedError with every mistake in it."""
    try:
        document = RulesDocument.model_validate_json(raw)
    except ValidationError as error:
        raise RulesRefusedError(_mistakes(error.errors())) from error
    return _compile(document, version_of(raw))


def _mistakes(errors: list[ErrorDetails]) -> list[str]:
    """One line each. A list whose only items are wrong is not also called empty."""
    places = [error["loc"] for error in errors]
    above = {place[:depth] for place in places for depth in range(len(place))}
    return [_mistake(error) for error in errors if error["type"] != "too_short" or error["loc"] not in above]


def _mistake(error: ErrorDetails) -> str:
    place = error["loc"]
    parts = place[:-1] if place[-1:] == ("[key]",) else place  # that is how pydantic says that the key is wrong
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return f"${path}: {_IN_PLAIN_WORDS.get(error['type']) or error['msg'].removeprefix('Value error, ')}"


def _compile(document: RulesDocument, version: str) -> RuleSet:
    quiet = document.quiet_hours and QuietHours(document.quiet_hours.start, document.quiet_hours.end)
    in_order = sorted((rule for rule in document.rules if rule.enabled), key=lambda rule: rule.priority)
    freshness = {kind: timedelta(minutes=minutes) for kind, minutes in document.freshness_minutes.items()}
    return RuleSet(
        version=version,
        caps=tuple(Cap(cap.per, cap.pushes, cap.hours) for cap in document.caps),
        freshness=DEFAULT_FRESHNESS | freshness,
        rules=tuple(_compile_rule(rule, quiet or None) for rule in in_order),
    )


def _compile_rule(rule: RuleDocument, quiet: QuietHours | None) -> Rule:
    texts = {locale: Text(Template(text.title), Template(text.body)) for locale, text in rule.message.texts.items()}
    return Rule(
        id=rule.id,
        event_types=rule.event_types,
        allow=rule.merchants.allow,
        deny=rule.merchants.deny,
        min_discount_percent=rule.min_discount_percent,
        quiet_hours=quiet,
        message=Message(texts, rule.message.fallback),
    )
