"""The clauses that can refuse a rule, and the checks of those that need no coupon, each built once per file."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from packaging.version import InvalidVersion, Version

from saving_alerts.domain.rules.evaluation_context import EvaluationContext

Check = Callable[[EvaluationContext], bool]
Ending = Callable[[EvaluationContext], datetime | None]  # until when a clause holds that holds now; None: for good
_HASH_BYTES = 8
_HASH_RANGE: int = 256**_HASH_BYTES


class Clause(StrEnum):
    """Every condition of a rule, in the order in which it is checked. Most have the name of the field in the file."""

    EVENT_TYPES = "event_types"
    MERCHANTS = "merchants"
    MERCHANT_KNOWN = "merchant_known"  # the merchant is in the directory
    MAX_DISTANCE_M = "max_distance_m"
    TIME_ZONE = "time_zone"  # the user's time zone is known, where dates, weekdays or quiet hours need it
    ACTIVE_FROM = "active_from"
    ACTIVE_UNTIL = "active_until"
    WEEKDAYS = "weekdays"
    MIN_DWELL_SECONDS = "min_dwell_seconds"
    OPEN_FOR_MINUTES = "open_for_minutes"
    MIN_APP_VERSION = "min_app_version"
    DISCOUNT = "discount"  # the coupon's discount is one that can be promised
    MIN_DISCOUNT_PERCENT = "min_discount_percent"
    DEEP_LINK_HOSTS = "deep_link_hosts"  # the coupon's link leads where a push may lead
    WHEN = "when"
    ROLLOUT_PERCENT = "rollout_percent"
    QUIET_HOURS = "quiet_hours"


class Weekday(StrEnum):
    """In the order of Python's numbers."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEKDAYS = tuple(Weekday)


def is_near(max_distance_m: float) -> Check:
    """An event without a known distance does not pass."""

    def check(context: EvaluationContext) -> bool:
        return context.distance_m is not None and context.distance_m <= max_distance_m

    return check


def is_on(weekdays: frozenset[Weekday]) -> Check:
    """By the user's own calendar. An event with an unknown time zone does not pass."""
    numbers = {number for number, weekday in enumerate(WEEKDAYS) if weekday in weekdays}

    def check(context: EvaluationContext) -> bool:
        return context.local is not None and context.local.weekday() in numbers

    return check


def is_from(day: date) -> Check:
    """By the user's own calendar, as `is_on`."""

    def check(context: EvaluationContext) -> bool:
        return context.local is not None and context.local.date() >= day

    return check


def is_until(day: date) -> Check:
    """The whole day belongs to it. By the user's own calendar, as `is_on`."""

    def check(context: EvaluationContext) -> bool:
        return context.local is not None and context.local.date() <= day

    return check


def end_of(day: date) -> Ending:
    """The midnight with which the day ends for the user."""

    def ending(context: EvaluationContext) -> datetime | None:
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
        local = context.local
        return None if local is None else midnight.replace(tzinfo=local.tzinfo).astimezone(UTC)

    return ending


def has_dwelled(seconds: float) -> Check:
    """An event that does not say how long does not pass."""

    def check(context: EvaluationContext) -> bool:
        dwelled = context.event.dwell_seconds
        return dwelled is not None and dwelled >= seconds

    return check


def is_open_for(minutes: float, *, passes_unknown: bool) -> Check:
    """By the store's own clock. `passes_unknown`: also where nobody knows when the store is open."""
    wanted = timedelta(minutes=minutes)

    def check(context: EvaluationContext) -> bool:
        if context.opening is None:
            return passes_unknown
        return context.open_until is not None and context.open_until - context.now >= wanted

    return check


def end_of_open_for(minutes: float) -> Ending:
    """From then on the store is not open for that long any more."""

    def ending(context: EvaluationContext) -> datetime | None:
        return None if context.open_until is None else context.open_until - timedelta(minutes=minutes)

    return ending


def has_app(minimum: Version) -> Check:
    """An app version that cannot be parsed does not pass."""

    def check(context: EvaluationContext) -> bool:
        version = read_version(context.event.app.version)
        return version is not None and bool(version >= minimum)

    return check


@lru_cache(maxsize=1024)  # senders choose the text, so the number of versions that are kept must have a limit
def read_version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def is_rolled_out(percent: float, rule_id: str, user_id: str) -> bool:
    """Whether the rule's rollout of `percent` includes this user.

    The hash of rule and user never changes, so a user who has a rule keeps it while the percentage grows. It depends
    on the rule, so that not the same users are first in every rollout.
    """
    if percent >= 100:  # noqa: PLR2004 - all of them
        return True
    digest = hashlib.blake2b(f"{rule_id}\n{user_id}".encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest) * 100 < percent * _HASH_RANGE
