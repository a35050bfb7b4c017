"""`saving-alerts explain`: why did a user get a push, or none?"""

from datetime import datetime, timedelta

import click
import msgspec

from saving_alerts.commands.clock import in_utc, now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.durations import DURATION
from saving_alerts.commands.output import document, say
from saving_alerts.commands.running import run
from saving_alerts.domain.decisions import Decision, Subject
from saving_alerts.domain.sentences.language import Language
from saving_alerts.domain.sentences.telling import sentence, undecided_sentence
from saving_alerts.ledger.decision_texts import in_words
from saving_alerts.ledger.explaining import Wanted
from saving_alerts.ledger.explaining import explain as explain_decisions
from saving_alerts.ledger.full_texts import full_lines
from saving_alerts.ledger.source_search import Everything, explain_everything
from saving_alerts.settings import Settings


@click.command()
@click.option("--user", help="The user's id.")
@click.option("--event", help="The event's id.")
@click.option("--since", type=DURATION, default="24h", show_default=True, help="How far to look back, like 24h or 7d.")
@click.option(
    "--all", "everything", is_flag=True, help="Also events that trigger no rule: reads the source, which is slow."
)
@click.option("--full", is_flag=True, help="Also the timeline, attempts, clauses, versions and echoes.")
@click.option(
    "--language",
    type=click.Choice([str(each) for each in Language]),
    default="en",
    show_default=True,
    help="Of the sentences.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
def explain(
    *, user: str | None, event: str | None, since: timedelta, everything: bool, full: bool, language: str, as_json: bool
) -> None:
    """Say for each event of a user what became of it, and why.

    First a sentence that can be read to the shopper, on their own clock; below it a line for us, in UTC.

    \b
    Example:
      saving-alerts explain --user u-42
      saving-alerts explain --user u-42 --language de
      saving-alerts explain --event 0192f0c1-… --since 7d --full
      saving-alerts explain --user u-42 --since 2h --all
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if not (user or event):
        raise click.UsageError("whose? Give --user or --event")
    settings, wanted = settings_or_exit(), Wanted(user or None, event or None)
    found = _found(settings, wanted, now() - since, everything=everything)
    if as_json:
        document(_as_json(found, Language(language), everything=everything))
    elif found.explanations or found.undecided:
        _show(found, Language(language), full=full)
    else:
        say(*_nothing_found(wanted, since, settings, everything=everything))


def _found(settings: Settings, wanted: Wanted, since: datetime, *, everything: bool) -> Everything:
    topics = settings.topics
    if not everything:
        return Everything(run(explain_decisions(settings.kafka, topics, wanted, since)), ())
    from saving_alerts.commands.progress import Watcher, progress_bars  # noqa: PLC0415 - rich: --all only

    with progress_bars() as bars:
        return run(explain_everything(settings.kafka, topics, wanted, since, Watcher(bars)))


def _show(found: Everything, language: Language, *, full: bool) -> None:
    read_at = now()
    for explanation in found.explanations:
        answer = explanation.answer
        say(sentence(answer, language, read_at), _line(explanation.happened_at, answer, in_words(answer)))
        if full:
            say(*full_lines(explanation, language, read_at))
    for event in found.undecided:
        told = undecided_sentence(event.subject, language, read_at)
        say(told, _line(event.subject.occurred_at, event.subject, f"not decided yet, at {event.position}"))


def _line(happened_at: datetime | None, subject: Subject | Decision, what: str) -> str:
    """For us, not for the shopper."""
    about = (subject.event_type or "unknown type", subject.merchant_id or "no merchant")
    return "    " + "  ".join([in_utc(happened_at) if happened_at else "unknown time", *about, what])


def _as_json(found: Everything, language: Language, *, everything: bool) -> bytes:
    """Each event with its sentence."""
    read_at = now()
    told = [
        {"sentence": sentence(each.answer, language, read_at), **msgspec.structs.asdict(each)}
        for each in found.explanations
    ]
    return msgspec.json.encode({"explanations": told, "undecided": found.undecided} if everything else told)


def _nothing_found(wanted: Wanted, since: timedelta, settings: Settings, *, everything: bool) -> list[str]:
    whom = " and ".join(
        f"{kind} {name}" for kind, name in (("user", wanted.user_id), ("event", wanted.event_id)) if name
    )
    topics = settings.topics
    if everything:
        return [f"No event of {whom} is on {topics.source.name} in the last {_in_words(since)}, and none was decided."]
    return [
        f"Nothing was decided about {whom} in the last {_in_words(since)}. That can mean:",
        "  - no event arrived, or it has not been decided yet: try again in a minute",
        "  - its events trigger no rule: those are kept as receipts, without user and event; try --all",
        "  - it is longer ago: try --since 7d; decisions are kept for 30 days",
        f"  - another deployment decided it: this one writes {topics.decisions.name}",
    ]


def _in_words(duration: timedelta) -> str:
    hours = duration.total_seconds() / 3600
    if hours < 1:
        return f"{duration.total_seconds() / 60:g} minutes"
    return "hour" if hours == 1 else f"{hours:g} hours"
