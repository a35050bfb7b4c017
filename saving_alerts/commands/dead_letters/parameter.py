"""A dead letter as people name it on a command line."""

import re

import click

from saving_alerts.ledger.dead_letters import DeadLetterPlace


class DeadLetterType(click.ParamType):
    """`3:17`, the dead letter at offset 17 of partition 3."""

    name = "letter"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> DeadLetterPlace:
        if isinstance(value, DeadLetterPlace):
            return value
        written = re.fullmatch(r"(\d{1,9}):(\d{1,18})", str(value))
        if written is None:
            self.fail(f"{value!r}: write partition and offset, like 3:17; `dead-letters list` names them", param, ctx)
        return DeadLetterPlace(int(written[1]), int(written[2]))


DEAD_LETTER = DeadLetterType()
