"""The rules file as pydantic models: every field with its type, its limits and its meaning.

The docstrings of models and fields are the descriptions of the JSON Schema that product managers' editors show.
"""

from datetime import date, time
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from saving_alerts.domain.caps import MAX_CAP_HOURS, CapPer
from saving_alerts.domain.events import TYPES_WITHOUT_MERCHANT, EventType
from saving_alerts.domain.rules.clauses import Weekday
from saving_alerts.domain.rules.expressions import MAX_WHEN_CHARACTERS
from saving_alerts.domain.rules.messages import MAX_BODY_CHARACTERS, MAX_TITLE_CHARACTERS
from saving_alerts.domain.rules.ranking import Ranking
from saving_alerts.domain.rules_file.budget_schema import MAX_MERCHANT_BUDGETS, BudgetDocument, MerchantId
from saving_alerts.domain.rules_file.field_checks import check_template, read_app_version, read_clock, read_date
from saving_alerts.domain.rules_file.schema_model import Document

MAX_RULES = 1_000  # bounds the time of reading a file; `make bench-rules` measures up to 500 rules
MAX_CAPS = 20  # each is looked at for every push
MAX_GLOBS = 1_000  # per rule: bounds the regular expression that is made of its patterns
MAX_GLOB_CHARACTERS = 128  # as many as a merchant's id has at most
MAX_OPEN_MINUTES = 12 * 60  # with the longest freshness it is less than `store_hours` looks ahead
MAX_DWELL_SECONDS = 24 * 60 * 60  # phones report a dwell of minutes
MAX_TEMPLATE_CHARACTERS = 500  # with placeholders; what a phone shows of the finished text is less (`messages`)
TRIGGER_TYPES = tuple(event_type for event_type in EventType if event_type not in TYPES_WITHOUT_MERCHANT)
MAX_CHOOSE_SECONDS = 30  # longer, and the shopper has left; what is gathered is in memory
MAX_CONTROL_PERCENT = 50  # whoever keeps back more than half wants a rollout
MAX_VARIANTS = 10  # of one message: each costs every push of the rule a hash
NO_QUIET_HOURS = "none"
WINDOW_TAG, NONE_TAG = "<window>", "<none>"  # pydantic puts these tags into paths, so they must not be field names


def _trigger(value: EventType) -> EventType:
    if value in TYPES_WITHOUT_MERCHANT:
        raise ValueError(f"{value} happens at no merchant, so it cannot trigger a saving alert")
    return value


def _title(value: str) -> str:
    return check_template(value, MAX_TITLE_CHARACTERS)


def _body(value: str) -> str:
    return check_template(value, MAX_BODY_CHARACTERS)


def _app_version(value: str) -> str:
    read_app_version(value)
    return value


Clock = Annotated[
    time,
    BeforeValidator(read_clock),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:00"]}),
]
Day = Annotated[
    date,
    BeforeValidator(read_date),
    WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-11-29"]}),
]
Template = Annotated[str, Field(min_length=1, max_length=MAX_TEMPLATE_CHARACTERS)]
TriggerType = Annotated[
    EventType,
    AfterValidator(_trigger),
    WithJsonSchema({"type": "string", "enum": [str(event_type) for event_type in TRIGGER_TYPES]}),
]
Glob = Annotated[str, Field(min_length=1, max_length=MAX_GLOB_CHARACTERS)]
ControlPercent = Annotated[float, Field(ge=0, le=MAX_CONTROL_PERCENT, strict=True, examples=[5])]
ControlSalt = Annotated[str, Field(min_length=1, max_length=64, examples=["spring-2027"])]
Locale = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$", examples=["de", "de-AT"])
]
VariantId = Annotated[str, Field(max_length=32, pattern=r"^[a-z0-9][a-z0-9_-]*$", examples=["friendly"])]
RuleId = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$", examples=["coffee-at-the-store"])]


class UnknownHours(StrEnum):
    NO = "no"
    YES = "yes"


class CapDocument(Document):
    """At most so many pushes in so many hours."""

    per: CapPer = Field(examples=["user"])
    """Counted per `user`, or per `user_and_merchant`."""
    pushes: int = Field(ge=1, le=100, strict=True, examples=[1])
    """How many pushes."""
    hours: float = Field(gt=0, le=MAX_CAP_HOURS, strict=True, examples=[24])
    """In any so many hours; a week at most, because sends are remembered that long."""


class QuietHoursDocument(Document):
    """On the user's own clock, from and to in quotes; across midnight when `to` is the smaller one."""

    start: Clock = Field(alias="from", examples=["22:00"])
    """The first quiet minute."""
    end: Clock = Field(alias="to", examples=["08:00"])
    """The first minute that is not quiet any more."""


def _quiet_hours_tag(value: object) -> str | None:
    """None, which pydantic refuses, for a null: it could mean no quiet hours, or those of the file."""
    if isinstance(value, str):
        return NONE_TAG
    return WINDOW_TAG if isinstance(value, dict | QuietHoursDocument) else None


OwnQuietHours = Annotated[
    Annotated[QuietHoursDocument, Tag(WINDOW_TAG)] | Annotated[Literal["none"], Tag(NONE_TAG)],
    Discriminator(_quiet_hours_tag),
]


class MerchantsDocument(Document):
    """Which merchants: ids, or patterns with `*` and `?`."""

    allow: tuple[Glob, ...] = Field(default=("*",), min_length=1, max_length=MAX_GLOBS, examples=[["m-123", "m-2*"]])
    """At these merchants only."""
    deny: tuple[Glob, ...] = Field(default=(), max_length=MAX_GLOBS, examples=[["m-9*"]])
    """But not at these."""


class TextDocument(Document):
    """A title and a body. $merchant, $coupon and $discount are filled in; $$ is a dollar sign."""

    title: Annotated[Template, AfterValidator(_title)] = Field(examples=["$discount off at $merchant"])
    """A phone shows 80 characters."""
    body: Annotated[Template, AfterValidator(_body)] = Field(examples=["Show $coupon at the till."])
    """A phone shows 240 characters."""


Texts = Annotated[
    dict[Locale, TextDocument],
    Field(
        min_length=1, examples=[{"en": {"title": "$discount off at $merchant", "body": "Show $coupon at the till."}}]
    ),
]


class VariantDocument(Document):
    """One of several messages in turn: each user always reads the same one."""

    id: VariantId
    """Its name in decisions and results. A user's variant depends on it."""
    weight: float = Field(default=1, gt=0, le=1_000, strict=True, examples=[1])
    """Of weights 3 and 1, three of four users read the first."""
    texts: Texts
    """A text per locale: for the same locales as in the other variants."""


class MessageDocument(Document):
    """What the shopper reads: the text of the locale, else of its language, else of the fallback."""

    fallback: Locale = Field(examples=["en"])
    """The locale for everybody whose language is not among the texts."""
    texts: Texts = Field(default={})
    """A text per locale, like `de` or `de-AT`. In its place there can be `variants`."""
    variants: tuple[VariantDocument, ...] = Field(default=(), min_length=1, max_length=MAX_VARIANTS)
    """Several messages in turn, in place of `texts`; `rules results` compares them."""
    salt: str | None = Field(default=None, min_length=1, max_length=64, examples=["spring-2027"])
    """Another salt deals the variants out anew; without it the rule's id is the salt."""


class RuleDocument(Document):
    """When to send which message. The first enabled rule that matches, by priority, wins."""

    id: RuleId
    """The rule's name in decisions, on the page and for `kill rule`. A user's place in a rollout depends on it."""
    enabled: bool = Field(default=True, strict=True, examples=[False])
    """false: the rule stays in the file and does nothing."""
    priority: int = Field(default=100, ge=-1_000_000, le=1_000_000, strict=True, examples=[10])
    """Smaller numbers are tried first; equal ones as they stand in the file."""
    event_types: frozenset[TriggerType] = Field(min_length=1, examples=[["geofence_entered"]])
    """The events that it listens to."""
    merchants: MerchantsDocument = MerchantsDocument()
    """All of them unless it says otherwise."""
    min_discount_percent: float | None = Field(default=None, ge=0, le=100, strict=True, examples=[10])
    """Coupons with less are passed over, and so are those with a fixed amount: nobody knows their percentage."""
    max_distance_m: float | None = Field(default=None, gt=0, le=100_000, strict=True, examples=[250])
    """How far the phone may be from the store, in metres. An event that does not say where it was is refused."""
    weekdays: frozenset[Weekday] | None = Field(default=None, min_length=1, examples=[["saturday", "sunday"]])
    """Only on these days of the user's own calendar."""
    active_from: Day | None = Field(default=None, examples=["2026-11-29"])
    """The first day of the campaign, on the user's own calendar."""
    active_until: Day | None = Field(default=None, examples=["2026-12-24"])
    """The last day of the campaign, on the user's own calendar. Nothing is sent after it, not even what waits."""
    min_dwell_seconds: float | None = Field(default=None, gt=0, le=MAX_DWELL_SECONDS, strict=True, examples=[120])
    """How long the phone had been at the store, in seconds. For `geofence_dwelled` alone, which says it."""
    open_for_minutes: float | None = Field(default=None, ge=0, le=MAX_OPEN_MINUTES, strict=True, examples=[15])
    """The store is open, and stays open for so many minutes, by its own clock. Nothing is sent later than that."""
    unknown_hours: UnknownHours = Field(default=UnknownHours.NO, examples=["yes"])
    """What `open_for_minutes` says where nobody knows when the store is open."""
    quiet_hours: OwnQuietHours | None = Field(default=None, examples=[{"from": "22:00", "to": "08:00"}])
    """In place of the file's for this rule; "none" for no quiet hours at all."""
    min_app_version: Annotated[str, Field(max_length=64), AfterValidator(_app_version)] | None = Field(
        default=None, examples=["9.4.0"]
    )
    """Older apps get nothing from this rule."""
    rollout_percent: float = Field(default=100, gt=0, le=100, strict=True, examples=[5])
    """For so many percent of the users, always the same ones; whoever has it keeps it while the number grows."""
    control_percent: ControlPercent = 0
    """So many percent of the users get no push of this rule, always the same ones, and are compared with the others."""
    control_salt: ControlSalt | None = None
    """Another salt keeps other users back; without it the rule's id is the salt."""
    budget: BudgetDocument | None = Field(default=None, examples=[{"pushes_per_day": 500, "timezone": "Europe/Berlin"}])
    """How many pushes this rule sends a day at most."""
    rank_coupons_by: Ranking = Field(default=Ranking.HIGHEST_PERCENT, examples=["highest_percent"])
    """Which coupon is promised where several fit."""
    when: str | None = Field(
        default=None, min_length=1, max_length=MAX_WHEN_CHARACTERS, examples=["event.app.os == 'ios'"]
    )
    """What the fields cannot say, as an expression in CEL about `event`, `local`, `merchant` and `coupon`."""
    message: MessageDocument = Field(
        examples=[{"fallback": "en", "texts": {"en": {"title": "$discount off", "body": "$coupon"}}}]
    )
    """What the shopper reads."""


class RulesDocument(Document):
    """The rules of saving alerts."""

    caps: tuple[CapDocument, ...] = Field(
        min_length=1, max_length=MAX_CAPS, examples=[[{"per": "user", "pushes": 1, "hours": 24}]]
    )
    """How many pushes a user gets at most. All of them apply."""
    quiet_hours: QuietHoursDocument | None = Field(default=None, examples=[{"from": "22:00", "to": "08:00"}])
    """For all rules that do not say otherwise."""
    freshness_minutes: dict[TriggerType, Annotated[float, Field(gt=0, le=24 * 60, strict=True, examples=[10])]] = Field(
        default={}, examples=[{"geofence_entered": 5}]
    )
    """How long after an event a push still makes sense. Without it: 10 minutes at the store, 30 elsewhere."""
    choose_within_seconds: float = Field(default=0, ge=0, le=MAX_CHOOSE_SECONDS, strict=True, examples=[10])
    """So long a user's alerts are gathered, and the best goes out: by priority, then by the ranking. 0: each does."""
    merchant_budgets: dict[MerchantId, BudgetDocument] = Field(
        default={}, max_length=MAX_MERCHANT_BUDGETS, examples=[{"m-123": {"pushes_per_day": 500}}]
    )
    """How many pushes a merchant gets a day at most, whatever the rule."""
    control_percent: ControlPercent = 0
    """So many percent of the users get no push of any rule, always the same ones, and are compared with the others."""
    control_salt: ControlSalt | None = None
    """Another salt keeps other users back: then the comparison begins anew."""
    rules: tuple[RuleDocument, ...] = Field(min_length=1)
    """The rules, in any order."""
