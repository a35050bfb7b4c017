"""Is there what a kill switch is to stop? A name that nobody has stops nothing."""

import asyncio
import difflib

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.commands.exits import BadNewsError
from saving_alerts.commands.merchants.lookup import merchant_in_s3
from saving_alerts.commands.output import say
from saving_alerts.commands.rules.file import rules_in
from saving_alerts.domain.kill_switches import KillScope
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.ports.errors import PortError
from saving_alerts.reference_data.canary_orders import CanaryOrders
from saving_alerts.reference_data.document_store import UnknownVersionError, rules_store
from saving_alerts.settings import Settings

LOOK_SECONDS = 15.0  # who stops pushes is in a hurry: a directory of 100,000 merchants is read within some seconds


def refuse_unknown(settings: Settings, scope: KillScope, identifier: str) -> None:
    """Raises BadNewsError where S3 knows no such rule, merchant or version; a warning where S3 does not say."""
    looks = {
        KillScope.RULE: _refuse_unknown_rule,
        KillScope.MERCHANT: _refuse_unknown_merchant,
        KillScope.VERSION: _refuse_unknown_version,
    }
    look = looks.get(scope)
    if look is None:
        return
    try:
        asyncio.run(asyncio.wait_for(look(settings, identifier), LOOK_SECONDS))
    except TimeoutError:
        _warn(scope, identifier, f"S3 took more than {LOOK_SECONDS:g} s")
    except (PortError, UnknownVersionError, RulesRefusedError) as error:
        _warn(scope, identifier, str(error))


async def _refuse_unknown_rule(settings: Settings, identifier: str) -> None:
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    async with S3ObjectStore(policy) as store:
        body = await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).body(None)
    known = [rule.id for rule in rules_in(body).rules]
    if identifier not in known:
        close = difflib.get_close_matches(identifier, known, n=3)
        meant = f"; did you mean {' or '.join(close)}?" if close else ""
        raise _unknown(f"the rules in S3 have no enabled rule {identifier}{meant}")


async def _refuse_unknown_version(settings: Settings, identifier: str) -> None:
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    async with S3ObjectStore(policy) as store:
        shelf = rules_store(store, settings.s3_rules_key, settings.max_rules_bytes)
        known = {(await shelf.current()).version, *(each.version for each in await shelf.history())}
    if identifier not in known:
        raise _unknown(f"no version {identifier} of the rules was published")


async def _refuse_unknown_merchant(settings: Settings, identifier: str) -> None:
    if await merchant_in_s3(settings, identifier) is None:
        raise _unknown(f"the directory in S3 has no merchant {identifier}")


def refuse_going_on(settings: Settings, canary: str) -> None:
    """Raises BadNewsError where the canary would be tried on, or be everybody's, without its switch."""
    try:
        order = asyncio.run(asyncio.wait_for(_canary_that_counts(settings), LOOK_SECONDS))
    except (TimeoutError, PortError) as error:
        raise BadNewsError(
            f"nobody can say whether canary {canary} would go on, so its switch stays: {error}"
        ) from error
    if order == canary:
        raise BadNewsError(f"canary {canary} would go on without its switch: `rules canary abort` ends both")


async def _canary_that_counts(settings: Settings) -> str | None:
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    async with S3ObjectStore(policy) as store:
        order = (await CanaryOrders(store, settings.s3_rules_key).standing()).unclosed
    return None if order is None else order.id


def _unknown(what: str) -> BadNewsError:
    return BadNewsError(f"{what}, so nothing was stopped; if this is meant, repeat it with --anyway")


def _warn(scope: KillScope, identifier: str, problem: str) -> None:
    say(f"warning: nobody can say whether there is a {scope} {identifier}: {problem}", err=True)
