"""A version of the rules or the merchants as people write it on a command line."""

import re

import click

from saving_alerts.domain.rules_file.compiler import VERSION_DIGITS


def is_version(text: str) -> bool:
    return re.fullmatch(f"[0-9a-f]{{{VERSION_DIGITS}}}", text) is not None


class VersionType(click.ParamType):
    """The first 12 digits of a file's SHA-256, as they stand on the page. `document` is "rules" or "merchants"."""

    name = "version"

    def __init__(self, document: str) -> None:
        self._document = document

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_version(str(value)):
            told = f"a version has {VERSION_DIGITS} hex digits, see `{self._document} history`"
            self.fail(f"{value!r}: {told}", param, ctx)
        return str(value)
