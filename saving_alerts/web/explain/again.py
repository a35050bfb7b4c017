"""What today's rules would say to one recorded event, told for the page."""

from datetime import UTC, datetime

import msgspec

from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, PushText
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.domain.sentences.language import Language
from saving_alerts.domain.sentences.telling import sentence, would_send_sentence
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.reference_data.document_store import UnknownVersionError, rules_store
from saving_alerts.reference_data.one_merchant import merchant_among
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from saving_alerts.settings import Settings
from saving_alerts.simulation.one_event import again, candidate_of
from saving_alerts.web.explain.page import Again

NO_CANDIDATE = (
    "The event's coupons are not on record: it ended before the Coupon API was asked, or longer than 7 days ago. "
    "So nobody can say what today's rules would do."
)
LIMITS = "Caps, kill switches and consent were not looked at."


async def told_again(settings: Settings, decision: Decision, language: Language) -> Again:
    """Raises KafkaFailedError, and PortError where S3 does not answer."""
    candidate = await candidate_of(settings.kafka, settings.topics, decision)
    if candidate is None:
        return Again(NO_CANDIDATE)
    try:
        snapshot = await _snapshot(settings, candidate.validated.event.merchant_id or "")
    except (RulesRefusedError, UnknownVersionError) as error:
        return Again(f"Today's rules cannot be read: {error}")
    return Again(f"With the rules {snapshot.rules.version}. {LIMITS}", _told(decision, candidate, snapshot, language))


async def _snapshot(settings: Settings, merchant_id: str) -> Snapshot:
    """Today's rules, and of the merchants this one."""
    policy = S3Policy(bucket=settings.s3_bucket, endpoint_url=settings.s3_endpoint_url)
    async with S3ObjectStore(policy) as store:
        rules = read_rules(await rules_store(store, settings.s3_rules_key, settings.max_rules_bytes).body(None))
        async with store.lines(settings.s3_merchants_key, None, settings.max_merchants_bytes) as stream:
            merchant = None if stream is None else await merchant_among(stream.lines, merchant_id)
    found = {} if merchant is None else {merchant_id: merchant}
    return Snapshot(rules, Merchants("today", found), settings.link_schemes)


def _told(decision: Decision, candidate: Candidate, snapshot: Snapshot, language: Language) -> str:
    """As the sentence of the decision that the event would have."""
    event, now = candidate.validated.event, datetime.now(UTC)
    decision = msgspec.structs.replace(decision, timezone=event.timezone, locale=event.locale)
    outcome = again(candidate, snapshot)
    if isinstance(outcome, Forward) and outcome.value.control:
        return sentence(msgspec.structs.replace(decision, reason=Reason.CONTROL, details={}), language, now)
    if isinstance(outcome, Forward):
        return would_send_sentence(decision, PushText(outcome.value.title, outcome.value.body), language, now)
    reason = outcome.reason if event.type in snapshot.rules.triggers else Reason.NOT_A_TRIGGER
    return sentence(msgspec.structs.replace(decision, reason=reason, details=dict(outcome.details)), language, now)
