"""`saving-alerts dead-letters list | show`: what failed, where it stood, and why."""

from datetime import datetime, timedelta

import click
import msgspec

from saving_alerts.commands.clock import in_utc, now
from saving_alerts.commands.dead_letters.parameter import DEAD_LETTER
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.output import document, pour, quote, say
from saving_alerts.commands.running import run
from saving_alerts.kafka.codecs import summary_of
from saving_alerts.ledger.dead_letters import (
    DeadLetter,
    DeadLetterPlace,
    UnreadableDeadLetter,
    dead_letter_at,
    dead_letters_since,
)
from saving_alerts.settings import Settings


@click.command("list")
@click.option("--since", type=DURATION, default="24h", show_default=True, help="How far to look back, like 24h or 7d.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines; bytes are in base64.")
def list_(*, since: timedelta, as_json: bool) -> None:
    """List dead letters, oldest first: name, time (UTC), stage, reason, where the record stood, and the error.

    \b
    Example:
      saving-alerts dead-letters list --since 7d
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    dead_letters = readable_dead_letters(settings, since)
    if as_json:
        document(msgspec.json.encode(dead_letters))
        return
    for dead_letter in dead_letters:
        say(line(dead_letter))
    if not dead_letters:
        say(f"no dead letters on {settings.topics.dead_letters.name} in the time asked about")


def readable_dead_letters(settings: Settings, since: timedelta) -> tuple[DeadLetter, ...]:
    """Oldest first. It prints what stands among them and cannot be read."""
    found = run(dead_letters_since(settings.kafka, settings.topics, now() - since))
    for each in found.unreadable:
        say(f"left out {each}", err=True)
    return found.dead_letters


def line(dead_letter: DeadLetter) -> str:
    """One dead letter in one line."""
    record = dead_letter.record
    about = (str(dead_letter.place), in_utc(record.failed_at), record.stage, record.reason, f"({dead_letter.stood_at})")
    return "  ".join([*about, summary_of(record.error)])


@click.command()
@click.argument("place", type=DEAD_LETTER, metavar="LETTER")
@click.option("--body", "body_only", is_flag=True, help="Only the bytes of the record, as they came.")
def show(place: DeadLetterPlace, *, body_only: bool) -> None:
    """Show one dead letter: all that is known, the traceback, and the bytes.

    LETTER is the first word of its line in `dead-letters list`.

    \b
    Example:
      saving-alerts dead-letters show 3:17
      saving-alerts dead-letters show 3:17 --body > record.json
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    settings = settings_or_exit()
    dead_letter = dead_letter_named(settings, place)
    if body_only:
        pour(dead_letter.record.body)
    else:
        _show(dead_letter)


def dead_letter_named(settings: Settings, place: DeadLetterPlace) -> DeadLetter:
    """The dead letter, or a clean end."""
    topics = settings.topics
    dead_letter = run(dead_letter_at(settings.kafka, topics, place))
    if dead_letter is None:
        raise CommandRefusedError(
            f"there is no dead letter {place} on {topics.dead_letters.name}; `dead-letters list` names them"
        )
    if isinstance(dead_letter, UnreadableDeadLetter):
        raise CommandRefusedError(str(dead_letter))
    return dead_letter


def _show(dead_letter: DeadLetter) -> None:
    fields = msgspec.structs.asdict(dead_letter.record)
    error, body, headers = (fields.pop(name) for name in ("error", "body", "headers"))
    fields |= {f"header {name}": value for name, value in headers}
    width = max(map(len, fields))
    say(*(f"{name:{width}}  {_plain(value)}" for name, value in fields.items()), "error")
    quote(error.rstrip())
    say("body")
    quote(_plain(body))


def _plain(value: object) -> str:
    """Bytes that are no text keep their numbers, as in a Python literal."""
    match value:
        case bytes():
            return value.decode(errors="backslashreplace")
        case datetime():
            return in_utc(value)
        case None:
            return "-"
        case _:
            return str(value)
