"""Offsets as people write them on a command line."""

import re

import click

from saving_alerts.ledger.audit_range import OffsetBounds


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


OFFSETS = OffsetsType()
