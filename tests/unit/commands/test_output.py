"""A command writes in one way only, and nothing that others wrote acts on the terminal or forges a line."""

import ast
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import saving_alerts
from saving_alerts.commands import output
from saving_alerts.commands.exits import CommandRefusedError
from tests.support.terminal import harm_in

PACKAGE = Path(saving_alerts.__file__).parent
# The one way out; and bars, which are drawn on a terminal only and hold nothing but our own words.
WRITERS = {"commands/output.py", "commands/progress.py"}
WAYS_OUT = {"print", "echo", "secho", "echo_via_pager", "confirm", "prompt", "get_binary_stream", "get_text_stream"}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}


def ways_out_of(tree: ast.AST) -> list[int]:
    """The lines on which a module writes to a terminal by itself."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="print" | "Console")):
                found.append(node.lineno)
            case ast.Attribute(value=ast.Name(id="click"), attr=name) if name in WAYS_OUT:
                found.append(node.lineno)
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in STREAMS:
                found.append(node.lineno)
            case ast.ImportFrom(module="click" | "sys") if {each.name for each in node.names} & (WAYS_OUT | STREAMS):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_else_writes_to_a_terminal(file: Path) -> None:
    if str(file.relative_to(PACKAGE)) in WRITERS:
        return
    assert ways_out_of(ast.parse(file.read_text("utf-8"))) == []


@given(st.text())
def test_a_line_is_one_line_without_harm(text: str) -> None:
    assert harm_in(output.shown(text)) == ""
    assert "\n" not in output.shown(text)


@given(st.text(), st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252"]))
def test_whatever_the_encoding_of_the_terminal_has_not_is_no_error(text: str, encoding: str) -> None:
    written = on_terminal(encoding, lambda: output.say(text))

    assert harm_in(written) == ""
    assert written.count("\n") == 1


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_document_says_the_same_to_machines(value: object) -> None:
    body = json.dumps(value, ensure_ascii=False)

    written = on_terminal("ascii", lambda: output.document(body))

    assert harm_in(written) == ""
    assert json.loads(written) == json.loads(json.dumps(value))


@pytest.mark.parametrize("text", ["Zoë Café", "家族 👨\u200d👩\u200d👧", "20\u00a0%", "נ\u200cמ", "-", ""])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert output.shown(text) == text


def test_no_line_of_a_quotation_looks_like_ours(capsys: pytest.CaptureFixture[str]) -> None:
    output.quote("Traceback\nm-1  pushed: the push was accepted\r\x1b[2K")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("    ") for line in lines)


def test_an_error_has_as_many_lines_as_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    CommandRefusedError("the broker says\nall is well", "look\x1b[31m there").show()

    assert capsys.readouterr().err.splitlines() == ["Error: the broker says\\nall is well", "look\\x1b[31m there"]


def test_bytes_go_into_a_pipe_as_they_came_and_onto_a_terminal_as_they_are_shown() -> None:
    body = b'{"a": "\x1b[2J"}\n\xff'

    assert on_terminal("utf-8", lambda: output.pour(body), is_terminal=True) == '{"a": "\\x1b[2J"}\n\\xff\n'
    assert in_pipe(lambda: output.pour(body)) == body


class _Terminal(io.TextIOWrapper):
    is_terminal = True

    def isatty(self) -> bool:
        return self.is_terminal


def on_terminal(encoding: str, write: Callable[[], None], *, is_terminal: bool = True) -> str:
    raw = io.BytesIO()
    stream = _Terminal(raw, encoding=encoding, newline="")
    stream.is_terminal = is_terminal
    former, sys.stdout = sys.stdout, stream
    try:
        write()
        stream.flush()
    finally:
        sys.stdout = former
    return raw.getvalue().decode(encoding)


def in_pipe(write: Callable[[], None]) -> bytes:
    return on_terminal("latin-1", write, is_terminal=False).encode("latin-1")
