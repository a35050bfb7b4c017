"""`saving-alerts events check`: what `validate` would say of each line of a file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from saving_alerts.commands.clock import now
from saving_alerts.commands.exits import BAD_NEWS, CommandRefusedError
from saving_alerts.commands.files import FILE
from saving_alerts.commands.output import document, say
from saving_alerts.commands.rules.file import good_rules
from saving_alerts.domain.events import MAX_EVENT_BYTES, SourceRecord, ValidatedEvent
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ledger.decision_texts import details_in_words
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.pipeline.steps import validate
from saving_alerts.reference_data.snapshot import Merchants, Snapshot

# Without rules nothing is a trigger, and a valid event is "not_a_trigger".
NO_RULES = RuleSet("none", (), {}, ())
VALID = "valid"


class Verdict(msgspec.Struct, frozen=True):
    """Of one line: `valid`, `trigger`, or the reason of its decision with the details."""

    line: int
    verdict: str
    details: dict[str, object]

    def __str__(self) -> str:
        details = details_in_words(self.details)
        return f"line {self.line}: {self.verdict}" + (f" ({details})" if details else "")


@click.command()
@FILE
@click.option(
    "--rules", type=click.Path(path_type=Path), help="A rules file: also say which are triggers, and in time."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document for each line, for machines.")
def check(file: Path, rules: Path | None, *, as_json: bool) -> None:
    """Say of each line of a file what a worker would say of such an event.

    A line has one event, as JSON. It needs no settings and no network. FILE can be - for the standard input. Without
    rules it says whether an event is valid; with --rules also whether it is a trigger now, by this machine's clock.
    Empty lines are passed over.

    \b
    Example:
      saving-alerts events check events.jsonl
      saving-alerts events check events.jsonl --rules rules.json

    Exit code: 0, or 1 when a line is invalid, or 2 when the file cannot be read.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    found = NO_RULES if rules is None else good_rules(rules)[1]
    checked = invalid = 0
    for verdict in _verdicts(file, found):
        document(msgspec.json.encode(verdict)) if as_json else say(str(verdict))
        checked += 1
        invalid += verdict.verdict == Reason.INVALID
    if not as_json:
        say(f"{file}: {checked:,} events, {invalid:,} invalid")
    if invalid:
        sys.exit(BAD_NEWS)


def _verdicts(file: Path, rules: RuleSet) -> Iterator[Verdict]:
    snapshot = Snapshot(rules, Merchants("none", {}))
    try:
        with _opened(file) as stream:
            for number, line in enumerate(_lines(stream), 1):
                if line.strip():
                    yield _verdict(number, line, snapshot)
    except OSError as error:
        raise CommandRefusedError(f"{file} cannot be read: {error.strerror}") from error


def _verdict(number: int, line: bytes, snapshot: Snapshot) -> Verdict:
    moment = now()
    outcome = validate(SourceRecord(SourcePosition("file", 0, number), line, moment), snapshot, moment)
    if isinstance(outcome, Forward):
        return Verdict(number, "trigger", _not_said(outcome.value, snapshot.rules))
    if snapshot.rules is NO_RULES and outcome.reason is Reason.NOT_A_TRIGGER:
        return Verdict(number, VALID, {})
    return Verdict(number, outcome.reason, dict(outcome.details))


def _not_said(validated: ValidatedEvent, rules: RuleSet) -> dict[str, object]:
    """What the event leaves out although rules that listen to it ask for it."""
    event = validated.event
    asking = [rule.id for rule in rules.listening_to(event).rules if rule.min_dwell_seconds is not None]
    if not asking or event.dwell_seconds is not None:
        return {}
    return {"without dwell_seconds": f"so it is refused by {', '.join(asking)}"}


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as opened:
        yield opened


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Without their line breaks. Of a line that is too long as much as shows that it is."""
    while line := stream.readline(MAX_EVENT_BYTES + 2):
        is_whole = line.endswith(b"\n")
        yield line.removesuffix(b"\n").removesuffix(b"\r") if is_whole else line
        while not is_whole and (rest := stream.readline(MAX_EVENT_BYTES)):
            is_whole = rest.endswith(b"\n")
