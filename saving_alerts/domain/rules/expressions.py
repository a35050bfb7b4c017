"""`when`: a condition that the fields of a rule cannot express, in CEL (Common Expression Language).

An expression reads `expression_variables` only. It has no loops (CEL's loop macros are excluded) and a length limit, so
its time is bounded (docs/adr/0021-expressions-without-loops.md). Any result but true is a no.
"""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.expression_hints import hint, without_texts
from saving_alerts.domain.rules.expression_variables import ROOTS, Variables, known_names, sample_variables

if TYPE_CHECKING:
    from cel_expr_python import cel

MAX_WHEN_CHARACTERS = 500  # without loops the time is in proportion to the length: this bounds it
_LOOPS = ("all", "exists", "exists_one", "map", "filter")
_CONFIG = f"name: when\nstdlib:\n  exclude_macros: [{', '.join(_LOOPS)}]\n"
_NAMES = re.compile(rf"(?<![\w.])({'|'.join(ROOTS)})((?:\s*\.\s*[A-Za-z_]\w*)+)(\s*\()?")
_PLACE = re.compile(r"ERROR: <input>:\d+:(\d+): ([^\n]*)")


class WhenRefusedError(Exception):
    """The expression cannot be used. The text names the fault and what would be right."""


@dataclass(frozen=True, slots=True)
class When:
    """A compiled expression. Two are equal if their texts are."""

    text: str
    compiled: "cel.Expression" = field(compare=False, repr=False)

    def evaluate(self, variables: Variables) -> bool | str:
        """True or False; a text is the error, or why the result is no bool. Never raises.

        CEL returns an error as a value, so compare with `is True`.
        """
        try:
            result = self.compiled.eval(data=variables)
        except RuntimeError as error:
            return str(error)
        value = result.value()
        if isinstance(value, bool):
            return value
        type_name: str = result.type().name()
        return str(value) if type_name == "ERROR" else _not_a_bool(type_name)


@lru_cache(maxsize=2048)  # more than MAX_RULES: `contradictions` compiles each `when`, `compiler` takes it from here
def compile_when(text: str, event_types: frozenset[EventType]) -> When:
    """Compile it and try it on samples of these event types. Raises WhenRefusedError."""
    _refuse_half_characters(text)
    _refuse_unknown_names(text)
    when = When(text, _compiled(text))
    for sample, variables in sample_variables(event_types):
        result = when.evaluate(variables)
        if isinstance(result, str):
            raise WhenRefusedError(f"fails for {sample}: {_in_words(text, result)}")
    return when


def _not_a_bool(type_name: str) -> str:
    return f"gives {type_name.lower()}, not yes or no: compare it, like event.type == 'offer_viewed'"


@lru_cache(maxsize=1)
def _environment() -> "cel.Env":
    from cel_expr_python import cel  # noqa: PLC0415 - native code that most deployments never need

    variables = {root: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for root in ROOTS}
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(_CONFIG), variables=variables)


def _compiled(text: str) -> "cel.Expression":
    from cel_expr_python import cel  # noqa: PLC0415 - as above

    try:
        compiled = _environment().compile(text)
    except RuntimeError as error:
        raise WhenRefusedError(_compile_error(text, str(error))) from error
    if compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        raise WhenRefusedError(_not_a_bool(compiled.return_type().name()))
    return compiled


def _refuse_half_characters(text: str) -> None:
    """JSON can hold one half of a character that takes two, and CEL takes UTF-8 only."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise WhenRefusedError("contains half a character: type it anew") from error


def _refuse_unknown_names(text: str) -> None:
    for root, rest, call in _NAMES.findall(without_texts(text)):
        parts = [root, *(part.strip() for part in rest.split(".")[1:])]
        name = ".".join(parts[:-1] if call else parts)
        if name not in known_names():
            raise WhenRefusedError(f"there is no {name}{_suggestion(name)}")


def _suggestion(name: str) -> str:
    names = [known for known in known_names() if known not in ROOTS]
    close = get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(sorted(names))}"


def _compile_error(text: str, error: str) -> str:
    used = [loop for loop in _LOOPS if re.search(rf"\.\s*{loop}\s*\(", without_texts(text))]
    if used:
        return f"there are no loops here, so no {used[0]}(): compare single values"
    if "recursion" in error:
        return "is nested too deep: at most 32 levels of brackets are allowed"
    place = _PLACE.search(error)
    if place is None:
        return f"cannot be read: {error.splitlines()[0][:200]}"
    what = place[2].removesuffix(" (in container '')").partition(" expecting ")[0]
    names = f"there are: {', '.join(ROOTS)}" if what.startswith("undeclared reference") else None
    instead = hint(text, what) or names
    return f"cannot be read at character {place[1]}: {what[:200]}{f'; {instead}' if instead else ''}"


def _in_words(text: str, error: str) -> str:
    missing = re.search(r'Key not found in map : "([^"]*)"', error)
    if missing:
        name = next((known for known in known_names() if known.endswith(f".{missing[1]}")), missing[1])
        return f"it has no {missing[1]}; ask first, like has({name}) && {name} …"
    if "no matching overload" in error or "No matching overload" in error:
        instead = hint(text, error)
        told = f"two things of different kinds are compared or computed ({error[:120]})"
        return f"{told}; {instead}" if instead else told
    return error[:200]
