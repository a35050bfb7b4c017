"""Moments as the commands ask for them and write them."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def in_utc(moment: datetime) -> str:
    """To the second, as every command writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
