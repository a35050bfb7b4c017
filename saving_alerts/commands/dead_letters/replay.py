"""`saving-alerts dead-letters replay`: give what failed another try."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import click

from saving_alerts.commands import BadNewsError, CommandRefusedError, now, run, settings_or_exit, topics_of
from saving_alerts.commands.dead_letters.show import letter_named, letters_since, line
from saving_alerts.commands.parameters import DURATION, LETTER
from saving_alerts.commands.progress import progress_bars
from saving_alerts.ledger.dead_letters import (
    DeadLetter,
    DeadLetterPlace,
    why_not,
    why_not_among_many,
)
from saving_alerts.ledger.dead_letters import replay as replay_letters
from saving_alerts.settings import Settings


@click.command()
@click.argument("places", type=LETTER, metavar="[LETTER]...", nargs=-1)
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
    letters = _recent(settings, since) if since else _named(settings, places)
    if not letters:
        raise BadNewsError("there is nothing to replay")
    if not yes:
        _ask(letters)
    _replay(settings, letters)
    print(f"{_counted(letters)} replayed; `explain` says what became of the events")


def _named(settings: Settings, places: Iterable[DeadLetterPlace]) -> list[DeadLetter]:
    """All of them, or a clean end that says for which it cannot be done."""
    letters = [letter_named(settings, place) for place in dict.fromkeys(places)]
    topics = topics_of(settings)
    refusals = [f"{letter.place}: {refusal}" for letter in letters if (refusal := why_not(letter, topics))]
    if refusals:
        raise CommandRefusedError("\n".join(["nothing was replayed, because it is not possible for all:", *refusals]))
    return letters


def _recent(settings: Settings, since: timedelta) -> list[DeadLetter]:
    """What can be helped; it says what it leaves out."""
    topics = topics_of(settings)
    letters = letters_since(settings, since)
    last = {letter.content: letter for letter in letters}
    chosen: list[DeadLetter] = []
    for letter in letters:
        if refusal := _failed_again(letter, last[letter.content]) or why_not_among_many(letter, topics):
            click.echo(f"left out {letter.place}: {refusal}", err=True)
        else:
            chosen.append(letter)
    return chosen


def _failed_again(letter: DeadLetter, last: DeadLetter) -> str | None:
    return None if last is letter else f"it failed again, as {last.place}"


def _ask(letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        click.echo(line(letter), err=True)
    moment = now()
    late = sum(letter.deadline is not None and letter.deadline < moment for letter in letters)
    if late:
        click.echo(f"{late} are past their deadline and will end as `expired`", err=True)
    click.confirm(f"Replay {_counted(letters)}?", abort=True, err=True)


def _replay(settings: Settings, letters: Sequence[DeadLetter]) -> None:
    with progress_bars() as bars:
        task = bars.add_task("replayed", total=len(letters))
        run(replay_letters(settings.kafka, letters, lambda count: bars.advance(task, count)))


def _counted(letters: Sequence[DeadLetter]) -> str:
    return "1 dead letter" if len(letters) == 1 else f"{len(letters)} dead letters"
