"""The answer of every source position: the one of its decisions and receipts that counts."""

from collections.abc import Iterable
from datetime import datetime

from saving_alerts.codecs import UnreadableError, decode_ledger
from saving_alerts.domain.decisions import Decision, Reason, Receipt, answer
from saving_alerts.kafka_client import KafkaConnection, KafkaFailedError, partition_counts
from saving_alerts.ledger.reading import Span, StoredRecord, offset_lookup, read
from saving_alerts.topics import Topics

Place = tuple[int, int]


def decoded(record: StoredRecord) -> Decision | Receipt | None:
    """One record of the decision topic; None where it is not one of ours."""
    try:
        return decode_ledger(record.value or b"")
    except UnreadableError:
        return None


class Answers:
    """Decisions and receipts, put together as they come. It holds one entry per offset: for demos and tests."""

    def __init__(self) -> None:
        self._decisions: dict[Place, Decision] = {}
        self._receipts: dict[Place, tuple[Reason, datetime]] = {}

    def add(self, entry: Decision | Receipt) -> None:
        """Entries of one partition of the decision topic come in the order written."""
        if isinstance(entry, Receipt):
            for place in _places(entry):
                self._receipts.setdefault(place, (entry.reason, entry.decided_at))
            return
        place = (entry.position.partition, entry.position.offset)
        self._decisions[place] = answer((self._decisions.get(place, entry), entry))

    def result(self) -> dict[Place, Decision | Reason]:
        """By source partition and offset: the decision, or the bare reason where it is a receipt."""
        receipts = {place: reason for place, (reason, _) in self._receipts.items()}
        return receipts | {place: decision for place, decision in self._decisions.items() if self._counts(place)}

    def _counts(self, place: Place) -> bool:
        """A receipt stands on another partition than a decision: which was first, only their times tell."""
        decision, receipt = self._decisions[place], self._receipts.get(place)
        if receipt is None or decision.reason in {Reason.PUSHED, Reason.PUSH_UNCERTAIN}:
            return True
        return decision.reason is not Reason.DEAD_LETTER and decision.decided_at <= receipt[1]


def _places(receipt: Receipt) -> Iterable[Place]:
    return ((receipt.partition, offset) for first, last in receipt.ranges for offset in range(first, last + 1))


async def read_answers(connection: KafkaConnection, topics: Topics) -> dict[Place, Decision | Reason]:
    """The answers of all source positions, from the decision topic as far as it is written now."""
    answers = Answers()
    spans = await whole(connection, topics.decisions.name)
    async for batch in read(connection, topics.decisions.name, spans):
        for record in batch:
            if entry := decoded(record):
                answers.add(entry)
    return answers.result()


async def whole(connection: KafkaConnection, topic: str) -> dict[int, Span]:
    """All of a topic, as far as it is written now. Raises KafkaFailedError where there is no such topic."""
    partitions = await partitions_of(connection, topic)
    async with offset_lookup(connection) as lookup:
        firsts, ends = await lookup.beginnings(topic, partitions), await lookup.ends(topic, partitions)
    return {number: Span(firsts[number], ends[number]) for number in partitions}


async def partitions_of(connection: KafkaConnection, topic: str) -> range:
    """The numbers of its partitions. Raises KafkaFailedError where there is no such topic."""
    count = (await partition_counts(connection)).get(topic)
    if count is None:
        raise KafkaFailedError(f"there is no topic {topic} on Kafka at {connection.bootstrap_servers}")
    return range(count)
