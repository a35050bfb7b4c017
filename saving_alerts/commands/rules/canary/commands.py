"""`saving-alerts rules canary status | promote | abort`: rules that are tried on some of the users."""

import asyncio
import sys

import click

from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BAD_NEWS, BadNewsError, CommandRefusedError
from saving_alerts.commands.kill.writing import change, confirmed
from saving_alerts.commands.output import say
from saving_alerts.commands.publishing import BY, NOTE, WAIT, WHY, tell, with_bucket
from saving_alerts.commands.rules.canary.beginning import refuse_long
from saving_alerts.commands.rules.canary.ending import aborted, promoted, putting_away, taking_back
from saving_alerts.commands.rules.canary.state import InBucket, id_in, in_bucket, rows_of, state, switch_of
from saving_alerts.commands.running import run
from saving_alerts.commands.texts import ID
from saving_alerts.domain.canary.order import CanaryOrder, Ended
from saving_alerts.domain.kill_switches import TurnedOn
from saving_alerts.ports.errors import PortError
from saving_alerts.settings import Settings


@click.command()
def status() -> None:
    """Say what is tried, on whom, until when, and what its guards have seen.

    \b
    Example:
      saving-alerts rules canary status

    Exit code: 0, or 1 when it is taken back, or when S3 does not say.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    found = run(state(settings_or_exit()))
    say(*found.lines)
    if found.is_bad:
        sys.exit(BAD_NEWS)


@click.command()
@BY
@WHY
@WAIT
def promote(by: str, note: str, *, wait: bool) -> None:
    """Make it everybody's now, or write down that its time is over.

    It needs S3 and Kafka.

    \b
    Example:
      saving-alerts rules canary promote --by ines --note "as foretold"

    Exit code: 0, or 1 when there is none or it is taken back, or 2 when nobody can say.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    refuse_long(by, note)
    settings = settings_or_exit()
    order = _order(settings)
    if (switch := run(switch_of(settings, order.id))) is not None:
        raise BadNewsError(f"it is taken back, so it is not promoted: {switch}; `rules canary abort` puts it away")
    ended = Ended(how="promoted", by=by, note=note, at=now())
    publication = with_bucket(settings, lambda store: promoted(settings, store, order, ended))
    tell(settings, "rules", publication, wait=wait)


@click.command()
@BY
@NOTE
@click.option("--id", "identifier", type=ID, help="Which one, where S3 does not answer and no worker says it.")
@WAIT
def abort(by: str, note: str, identifier: str | None, *, wait: bool) -> None:
    """Take it back: everybody has the other rules at once, and alerts that it has made end as `killed`.

    Without S3 it is taken back all the same. Also for one that is taken back already, to put it away: then others can
    be published.

    \b
    Example:
      saving-alerts rules canary abort --by tom --note "too loud" --wait

    Exit code: 0, or 1 when there is none, or 2 when it could not be done.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    refuse_long(by, note)
    settings = settings_or_exit()
    bucket, which = asyncio.run(_which(settings, identifier))
    offset = run(change(settings, taking_back(which, TurnedOn(reason=note, by=by, since=now()))))
    say(f"canary {which} is taken back: everybody has the other rules")
    if isinstance(bucket, PortError):
        say(f"S3 does not answer: repeat this when it does, so that others can be published: {bucket}", err=True)
    else:
        ended = Ended(how="aborted", by=by, note=note, at=now())
        with_bucket(settings, lambda store: aborted(settings, store, which, ended))
        offset = run(change(settings, putting_away(which, by, note)))
    confirmed(settings, offset, wait=wait)


def _order(settings: Settings) -> CanaryOrder:
    bucket = asyncio.run(in_bucket(settings))
    if isinstance(bucket, PortError):
        raise CommandRefusedError(
            f"S3 does not answer, and it is written there: {bucket}; at its end it is everybody's"
        )
    if bucket.order is None:
        raise BadNewsError("there is no canary: see `rules canary status`")
    return bucket.order


async def _which(settings: Settings, identifier: str | None) -> tuple[InBucket | PortError, str]:
    bucket = await in_bucket(settings)
    found = id_in(bucket, ()) if not isinstance(bucket, PortError) else id_in(bucket, await rows_of(settings))
    if found is None and not isinstance(bucket, PortError):
        raise BadNewsError("there is no canary: see `rules canary status`")
    unclosed = None if isinstance(bucket, PortError) else bucket.standing.unclosed
    if unclosed is not None and not isinstance(bucket, PortError) and unclosed.version == bucket.live:
        raise BadNewsError(f"it was promoted, and {bucket.live} is live: `rules rollback` brings back the others")
    which = identifier or found
    if which is None:
        raise CommandRefusedError("S3 does not answer, and no worker says which canary it is: give it with --id")
    if found is not None and which != found:
        raise BadNewsError(f"the canary is {found}, not {which}")
    return bucket, which
