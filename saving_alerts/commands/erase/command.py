"""`saving-alerts erase`: forget a user, and say what is left of them where."""

import sys

import click

from saving_alerts.commands.clock import in_utc
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.erase.ordering import order_and_wait
from saving_alerts.commands.erase.proof import traces_of
from saving_alerts.commands.exits import BAD_NEWS, BadNewsError, CommandRefusedError
from saving_alerts.commands.output import confirm, say
from saving_alerts.commands.progress import Watcher, progress_bars
from saving_alerts.commands.running import run
from saving_alerts.domain.erasures import MAX_USER_CHARACTERS, Tokens
from saving_alerts.ledger.erasure_traces import Trace
from saving_alerts.settings import Settings, variable

WAIT_SECONDS = 60.0  # longer than most dispatches that are in work, with their lease

HELP = """Forget a user: what was charged to them counts on, under a token that leads to nobody.

The order goes to the worker that has the user's partition. It is carried out once no push to the user is in work, and
the command waits for that. A push that comes later is remembered anew: have the user opt out
first.

With --prove nothing is ordered: for each store it says what is there, and by when it is gone as the topics are set.

\b
Examples:
  saving-alerts erase --user u-42
  saving-alerts erase --user u-42 --prove

Exit code: 0, or 1 when the order still waits, or with --prove when something is neither gone, nor kept on purpose, nor
has an end, or 2 when it could not be done.
"""


@click.command(help=HELP)
@click.option("--user", "user_id", required=True, help="The user's id, as it stands in the events.")
@click.option("--prove", is_flag=True, help="Order nothing: say what is left where, and by when it is gone.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help="So many seconds for a worker to carry it out.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(*, user_id: str, prove: bool, wait_seconds: float, yes: bool) -> None:
    if not 0 < len(user_id) <= MAX_USER_CHARACTERS:
        raise click.UsageError(f"a user id has 1 to {MAX_USER_CHARACTERS} characters")
    settings = settings_or_exit()
    tokens = _tokens(settings)
    if prove:
        _prove(settings, tokens, user_id)
        return
    if not yes:
        confirm(f"Forget the user {user_id}? Nothing brings back what is known of them.")
    if not run(order_and_wait(settings, tokens, user_id, wait_seconds)):
        raise BadNewsError(
            f"The order stands, and no worker has carried it out within {wait_seconds:g} s.",
            "It is carried out as soon as one can: see the condition `erasures` of the workers, and look with --prove.",
        )
    say("erased: claims and sends are known by a token only. `--prove` says what is left elsewhere, and until when")


def _tokens(settings: Settings) -> Tokens:
    if settings.tokens is None:
        raise CommandRefusedError(
            f"{variable('erasure_secret')} is not set: without it the caps of whom we forget would be forgotten, too.",
            "Set it to 32 random characters or more, the same for all workers and commands, for example from",
            "  openssl rand -hex 32",
            "then run `saving-alerts topics create`, and restart the workers.",
        )
    return settings.tokens


def _prove(settings: Settings, tokens: Tokens, user_id: str) -> None:
    with progress_bars() as bars:
        traces = run(traces_of(settings, tokens, user_id, Watcher(bars)))
    say(*map(_line, traces))
    say("logs, the Coupon API and the push API: not looked at, they are as their owners keep them")
    if any(trace.is_open for trace in traces):
        sys.exit(BAD_NEWS)


def _line(trace: Trace) -> str:
    return f"{trace.store}: {_end(trace)} ({trace.what})"


def _end(trace: Trace) -> str:
    if trace.is_gone:
        return "gone"
    if trace.is_kept:
        return "kept on purpose"
    by = f"gone by {in_utc(trace.gone_by)} UTC" if trace.gone_by else "nobody can say when it is gone"
    return f"NOT ERASED, {by}" if trace.undone else by
