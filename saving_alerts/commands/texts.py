"""Texts as people write them on a command line, in the encoding of their terminal."""

import os

import click


class WrittenType(click.ParamType):
    """A sentence or a name for people. Bytes that are no text of the terminal's encoding keep their numbers."""

    name = "text"

    def convert(self, value: object, _param: click.Parameter | None, _ctx: click.Context | None) -> str:
        text = str(value)
        return text if _is_text(text) else os.fsencode(text).decode(errors="backslashreplace")


class IdType(click.ParamType):
    """The id of a merchant or a rule: what is no text can name nothing."""

    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not _is_text(text):
            self.fail(f"{text!r} is no text in the encoding of this terminal", param, ctx)
        return text


def _is_text(text: str) -> bool:
    """What a terminal sends and its encoding does not have comes as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


WRITTEN = WrittenType()
ID = IdType()
