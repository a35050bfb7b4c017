"""What people write on a command line, and what it means: durations, offsets, dead letters."""

import re
from datetime import timedelta

import click

from saving_alerts.ledger.audit_range import OffsetBounds
from saving_alerts.ledger.dead_letters import DeadLetterPlace

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


class OffsetsType(click.ParamType):
    """`1200` for every partition, or `0:1200,3:1180` for the partitions named."""

    name = "offsets"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> OffsetBounds:
        if isinstance(value, OffsetBounds):
            return value
        text = str(value).replace(" ", "")
        if re.fullmatch(r"\d{1,18}", text):
            return OffsetBounds(every=int(text))
        if not re.fullmatch(r"\d{1,9}:\d{1,18}(,\d{1,9}:\d{1,18})*", text):
            self.fail(f"{value!r}: write one offset for all partitions, like 1200, or 0:1200,3:1180", param, ctx)
        pairs = (pair.split(":") for pair in text.split(","))
        return OffsetBounds(by_partition={int(partition): int(offset) for partition, offset in pairs})


class LetterType(click.ParamType):
    """`3:17`, the dead letter at offset 17 of partition 3."""

    name = "letter"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> DeadLetterPlace:
        if isinstance(value, DeadLetterPlace):
            return value
        written = re.fullmatch(r"(\d{1,9}):(\d{1,18})", str(value))
        if written is None:
            self.fail(f"{value!r}: write partition and offset, like 3:17; `dead-letters list` names them", param, ctx)
        return DeadLetterPlace(int(written[1]), int(written[2]))


DURATION = DurationType()
OFFSETS = OffsetsType()
LETTER = LetterType()
