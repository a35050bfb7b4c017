"""Durations as people write them on a command line."""

import re
from datetime import timedelta

import click

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=3650)


class DurationType(click.ParamType):
    """`30m`, `24h`, `7d`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        written = re.fullmatch(r"(\d{1,8})([smhd])", str(value).strip())
        duration = timedelta(**{UNITS[written[2]]: int(written[1])}) if written else timedelta(0)
        if not timedelta(0) < duration <= LONGEST:
            self.fail(f"{value!r} is no duration: write a number and s, m, h or d, like 30m, 24h or 7d", param, ctx)
        return duration


DURATION = DurationType()
