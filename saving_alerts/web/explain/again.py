"""What today's rules would say to one recorded event, told for the page."""

from datetime import UTC, datetime

import msgspec

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, PushText
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.domain.sentences.language import Language
from saving_alerts.domain.sentences.telling import sentence
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.reference_data.document_store import UnknownVersionError, rules_store
from saving_alerts.reference_data.one_merchant import merchant_among
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from saving_alerts.settings import Settings
from saving_alerts.simulation.one_event import again, candidate_of

NO_CANDIDATE = (
    "The event's coupons are not on record: it ended before the Coupon API was asked, or longer than 7 days ago. "
    "So nobody can say what today's rules would do."
)
LIMITS = "Caps, kill switches and consent were not looked at."


async def told_again(settings: Settings, decision: Decision, language: Language) -> str:
    """Raises KafkaFailedError, and PortError where S3 does not answer."""
    candidate = await candidate_of(settings.kafka, settings.topics, decision)
    if candidate is None:
        return NO_CANDIDATE
    try:
        snapshot = await _snapshot(settings, candidate.validated.event.merchant_id or "")
    except (RulesRefusedError, UnknownVersionError) as error:
        return f"Today's rules cannot be read: {error}"
    outcome = again(candidate, snapshot)
    told = sentence(_as_decided(decision, candidate, outcome, snapshot.rules), language, datetime.now(UTC))
    return f"With the rules {snapshot.rules.version}: {told} {LIMITS}"


async def _snapshot(settings: Settings, merchant_id: str) -> Snapshot:
    """Today's rules, and of the merchants this one."""
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    async with S3ObjectStore(policy) as store:
        rules = read_rules(await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).body(None))
        async with store.lines(settings.s3_merchants_key, None, settings.max_merchants_bytes) as stream:
            merchant = None if stream is None else await merchant_among(stream.lines, merchant_id)
    found = {} if merchant is None else {merchant_id: merchant}
    return Snapshot(rules, Merchants("today", found), settings.link_schemes)


def _as_decided(
    decision: Decision, candidate: Candidate, outcome: Forward[Alert] | Decided, rules: RuleSet
) -> Decision:
    """The decision that the event would have: a push that these rules want would be sent."""
    event = candidate.validated.event
    known = {"timezone": event.timezone, "locale": event.locale, "timeline": ()}
    if isinstance(outcome, Forward):
        text = PushText(outcome.value.title, outcome.value.body)
        return msgspec.structs.replace(decision, reason=Reason.WOULD_PUSH, text=text, details={}, **known)
    reason = outcome.reason if event.type in rules.triggers else Reason.NOT_A_TRIGGER
    return msgspec.structs.replace(decision, reason=reason, details=dict(outcome.details), **known)
