"""A version of the rules as people write it on a command line."""

import re

import click

from saving_alerts.domain.rules_file.compiler import VERSION_DIGITS


class VersionType(click.ParamType):
    """The first 12 digits of a file's SHA-256, as they stand on the page and in every decision."""

    name = "version"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(f"[0-9a-f]{{{VERSION_DIGITS}}}", str(value)):
            self.fail(f"{value!r}: a version has {VERSION_DIGITS} hex digits, see `rules history`", param, ctx)
        return str(value)
