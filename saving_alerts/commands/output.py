"""The one way out of a command: what others wrote is shown, and neither acts on a terminal nor looks like our own line.

Topics, Redis, S3 and the APIs hold what strangers wrote. A terminal obeys escape sequences and bidirectional controls,
and a line break makes one text look like two. So every command writes through this module, which a test holds.
"""

import logging
import sys
import unicodedata
from io import StringIO
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

INDENT = "    "  # before each line of a text of others that has several
# Controls, formats (bidirectional ones among them), surrogates, private and unassigned characters, line separators.
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# They join letters and signs to one, as in Persian and in families; they move nothing.
_JOINERS = frozenset("\u200c\u200d")
_HIGHEST_OF_ONE_UNIT = 0xFFFF


def shown(text: str) -> str:
    """One line that a terminal shows and does not obey: everything else stands in it as a Python literal has it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(sign if _is_shown(sign) else ascii(sign)[1:-1] for sign in text)


def say(*lines: str, err: bool = False) -> None:
    """Each of them on a line of its own, whatever stands in it."""
    for line in lines:
        _write(shown(line), err=err)


def quote(text: str) -> None:
    """A text of others, line by line and indented: no line of it can be taken for one of ours."""
    for line in text.removesuffix("\n").split("\n"):
        _write(INDENT + shown(line), err=False)


def document(text: str | bytes) -> None:
    """A JSON document. What is not shown stands in it as JSON escapes it, so it says the same to machines."""
    decoded = text if isinstance(text, str) else text.decode(errors="replace")
    encoding = _encoding(err=False)
    _write("".join(sign if _is_plain_json(sign, encoding) else _json_escape(sign) for sign in decoded), err=False)


def pour(body: bytes) -> None:
    """Bytes as they came, for a file or a pipe; on a terminal as `shown` has them, with their line breaks."""
    if sys.stdout.isatty():
        say(*body.decode(errors="backslashreplace").removesuffix("\n").split("\n"))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)


def cell(text: str) -> "Text":
    """One cell of a table."""
    from rich.text import Text  # noqa: PLC0415 - for tables only

    return Text(shown(text))


def table(drawn: "RenderableType") -> None:
    """A table of `cell`s, as wide as the terminal."""
    from rich.console import Console  # noqa: PLC0415 - for tables only

    paper = StringIO()
    Console(file=paper, force_terminal=False, color_system=None).print(drawn)
    say(*(line.rstrip() for line in paper.getvalue().removesuffix("\n").split("\n")))


def clear() -> None:
    """The screen, where there is one."""
    click.clear()


def confirm(question: str) -> None:
    """Ends the command unless somebody says yes."""
    click.confirm(shown(question), abort=True, err=True)


class ShownLogs(logging.Handler):
    """What is logged while a command runs, on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.levelname.lower()}: {record.getMessage()}", err=True)


def _is_shown(sign: str) -> bool:
    return unicodedata.category(sign) not in _UNSHOWN or sign in _JOINERS


def _is_plain_json(sign: str, encoding: str) -> bool:
    return sign == "\n" or (_is_shown(sign) and _fits(sign, encoding))


def _fits(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _json_escape(sign: str) -> str:
    number = ord(sign)
    if number <= _HIGHEST_OF_ONE_UNIT:
        return f"\\u{number:04x}"
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _encoding(*, err: bool) -> str:
    return (sys.stderr if err else sys.stdout).encoding or "utf-8"


def _write(text: str, *, err: bool) -> None:
    """What the encoding of the terminal does not have is escaped, too."""
    encoding = _encoding(err=err)
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=err)
