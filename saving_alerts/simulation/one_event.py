"""How one recorded event would end with other rules: its candidate, as it stands on the topic, evaluated again."""

from datetime import timedelta

from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import UnreadableError, candidate_codec
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.searching import sought_by_key
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.offset_lookup import offset_lookup, partitions_of
from saving_alerts.ledger.topic_reader import Span, StoredRecord, read
from saving_alerts.pipeline.outcomes import Decided, Forward
from saving_alerts.pipeline.steps import evaluate_rules
from saving_alerts.reference_data.snapshot import Snapshot
from saving_alerts.simulation.replay import moment_of

# A candidate is written between the reading of its event and its decision; clocks of machines differ.
MARGIN = timedelta(minutes=5)


async def candidate_of(connection: KafkaConnection, topics: Topics, decision: Decision) -> Candidate | None:
    """The event with the coupons that its user had; None where nobody asked for them. Raises KafkaFailedError."""
    if decision.user_id is None or decision.read_at is None:
        return None
    key, topic = decision.user_id.encode(), topics.candidates.name
    number = partition_of(key, len(await partitions_of(connection, topic)))
    async with offset_lookup(connection) as lookup:
        start = (await lookup.at(topic, [number], decision.read_at - MARGIN))[number]
        end = (await lookup.up_to(topic, [number], decision.decided_at + MARGIN))[number]
    async for batch in read(connection, topic, {number: Span(start, end)}, sought=sought_by_key(key)):
        for record in batch:
            if record.key == key and (found := _candidate(record, decision)):
                return found
    return None


def _candidate(record: StoredRecord, decision: Decision) -> Candidate | None:
    try:
        candidate = candidate_codec.decode(record.value, record.headers)
    except UnreadableError:
        return None
    validated = candidate.validated
    same = (validated.position, validated.event.event_id) == (decision.position, decision.event_id)
    return candidate if same else None


def again(candidate: Candidate, snapshot: Snapshot) -> Forward[Alert] | Decided:
    """What the rules say, as of the moment at which they were applied. Caps and kill switches are not looked at."""
    return evaluate_rules(candidate, snapshot, moment_of(candidate))
