"""Shares of a whole as people write them on a command line."""

import re

import click


class ShareType(click.ParamType):
    """`5%`, `0.5%`: in percent, at least `least` and at most `most`."""

    name = "share"

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        written = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", str(value).strip())
        share = float(written[1]) if written else 0.0
        if not self._least <= share <= self._most:
            told = f"write it with a percent sign, like 5%, at least {self._least:g}% and at most {self._most:g}%"
            self.fail(f"{value!r} is no share: {told}", param, ctx)
        return share
