"""Moments as the commands ask for them and write them."""

from datetime import UTC, datetime

from saving_alerts.domain import moments


def now() -> datetime:
    return datetime.now(UTC)


def in_utc(moment: datetime) -> str:
    """To the second, as every command writes it."""
    return f"{moments.in_utc(moment):%Y-%m-%d %H:%M:%S}"
