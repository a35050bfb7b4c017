"""`saving-alerts dead-letters replay`: give what failed another try."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import click

from saving_alerts.commands.clock import now
from saving_alerts.commands.dead_letters.parameter import DEAD_LETTER
from saving_alerts.commands.dead_letters.show import dead_letter_named, line, readable_dead_letters
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.output import confirm, say
from saving_alerts.commands.progress import progress_bars
from saving_alerts.commands.running import run
from saving_alerts.ledger.dead_letters import (
    DeadLetter,
    DeadLetterPlace,
    why_not,
    why_not_among_many,
)
from saving_alerts.ledger.dead_letters import replay as replay_dead_letters
from saving_alerts.settings import Settings


@click.command()
@click.argument("places", type=DEAD_LETTER, metavar="[LETTER]...", nargs=-1)
@click.option("--since", type=DURATION, help="All of this time that can be replayed, like 1h.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(*, places: tuple[DeadLetterPlace, ...], since: timedelta | None, yes: bool) -> None:
    """Write dead letters again where they stood, so that workers try them once more: mend the bug first.

    LETTER is the first word of a line in `dead-letters list`. With --since what killed its worker, was skipped by hand
    or would be invalid again is left out: name it to replay it.

    Nobody is pushed twice by it, however often you do it, and nobody too late: what is past its deadline ends as
    `expired`.

    \b
    Example:
      saving-alerts dead-letters replay 3:17
      saving-alerts dead-letters replay --since 1h

    Exit code: 0, or 1 when there was nothing to replay, or 2 when it could not be done.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if bool(places) is bool(since):
        raise click.UsageError("which ones? Name them, or give --since")
    settings = settings_or_exit()
    dead_letters = _recent(settings, since) if since else _named(settings, places)
    if not dead_letters:
        raise BadNewsError("there is nothing to replay")
    if not yes:
        _ask(dead_letters)
    _replay(settings, dead_letters)
    say(f"{_counted(dead_letters)} replayed; `explain` says what became of the events")


def _named(settings: Settings, places: Iterable[DeadLetterPlace]) -> list[DeadLetter]:
    """All of them, or a clean end that says for which it cannot be done."""
    dead_letters = [dead_letter_named(settings, place) for place in dict.fromkeys(places)]
    topics = settings.topics
    refusals = [
        f"{dead_letter.place}: {refusal}" for dead_letter in dead_letters if (refusal := why_not(dead_letter, topics))
    ]
    if refusals:
        raise CommandRefusedError("nothing was replayed, because it is not possible for all:", *refusals)
    return dead_letters


def _recent(settings: Settings, since: timedelta) -> list[DeadLetter]:
    """What can be helped; it says what it leaves out."""
    topics = settings.topics
    dead_letters = readable_dead_letters(settings, since)
    last = {dead_letter.content: dead_letter for dead_letter in dead_letters}
    chosen: list[DeadLetter] = []
    for dead_letter in dead_letters:
        if refusal := _failed_again(dead_letter, last[dead_letter.content]) or why_not_among_many(dead_letter, topics):
            say(f"left out {dead_letter.place}: {refusal}", err=True)
        else:
            chosen.append(dead_letter)
    return chosen


def _failed_again(dead_letter: DeadLetter, last: DeadLetter) -> str | None:
    return None if last is dead_letter else f"it failed again, as {last.place}"


def _ask(dead_letters: Sequence[DeadLetter]) -> None:
    for dead_letter in dead_letters:
        say(line(dead_letter), err=True)
    moment = now()
    late = sum(dead_letter.deadline is not None and dead_letter.deadline < moment for dead_letter in dead_letters)
    if late:
        say(f"{late} are past their deadline and will end as `expired`", err=True)
    confirm(f"Replay {_counted(dead_letters)}?")


def _replay(settings: Settings, dead_letters: Sequence[DeadLetter]) -> None:
    with progress_bars() as bars:
        task = bars.add_task("replayed", total=len(dead_letters))
        run(replay_dead_letters(settings.kafka, dead_letters, lambda count: bars.advance(task, count)))


def _counted(dead_letters: Sequence[DeadLetter]) -> str:
    return "1 dead letter" if len(dead_letters) == 1 else f"{len(dead_letters)} dead letters"
