"""Reads from S3 which rules are in force, and since when each of them is."""

from collections.abc import Sequence
from datetime import datetime

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.reference_data.canary_orders import CanaryOrders
from saving_alerts.reference_data.document_store import DocumentStore, Publication, UnknownVersionError, rules_store
from saving_alerts.settings import Settings
from saving_alerts.web.explain.rules_page import InForce

MAX_VERSIONS_READ = 20  # back from the live one: each is an object of its own


async def rules_in_force(settings: Settings) -> InForce:
    """Raises PortError, RulesRefusedError, UnknownVersionError."""
    async with S3ObjectStore(S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)) as store:
        shelf = rules_store(store, settings.s3_rules_key, settings.max_rules_bytes)
        rules, history = read_rules(await shelf.body(None)), await shelf.history()
        order = (await CanaryOrders(store, settings.s3_rules_key).standing()).open_on(rules.version)
        return InForce(rules, history, await _live_since(shelf, rules, history), order)


async def _live_since(shelf: DocumentStore, rules: RuleSet, history: Sequence[Publication]) -> dict[str, datetime]:
    """Of each rule the publication since which it was in every version, as far back as is looked.

    Empty where the live file is not the one that was published last: somebody has put it there by hand.
    """
    if not history or history[-1].version != rules.version:
        return {}
    since = {rule.id: history[-1].at for rule in rules.rules}
    still = set(since)
    for publication in list(reversed(history))[1:MAX_VERSIONS_READ]:
        still &= await _ids_of(shelf, publication.version)
        if not still:
            break
        since |= dict.fromkeys(still, publication.at)
    return since


async def _ids_of(shelf: DocumentStore, version: str) -> set[str]:
    """The rules of a version; none where it cannot be read any more."""
    try:
        return {rule.id for rule in read_rules(await shelf.body(version)).rules}
    except (UnknownVersionError, RulesRefusedError):
        return set()
