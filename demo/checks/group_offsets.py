"""The committed offsets and the lag of a consumer group, as Kafka reports them."""

from collections.abc import Sequence

import stamina
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

ADMIN_TIMEOUT_SECONDS = 5
RETRY_SECONDS = 30

Offsets = dict[tuple[str, int], int]

_until_kafka_answers = stamina.retry(on=(KafkaException, TimeoutError), attempts=None, timeout=RETRY_SECONDS)


class GroupOffsets:
    """Reads the committed offsets of one group on some topics, all with the same number of partitions.

    Every call creates a client: an old one would keep asking partition leaders that have died.
    """

    def __init__(self, bootstrap_servers: str, group: str, topics: Sequence[str], partitions: int) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._group = group
        self._partitions = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]

    @_until_kafka_answers
    def committed(self) -> Offsets:
        """The next offset to read, 0 where nothing is committed yet."""
        asked = [ConsumerGroupTopicPartitions(self._group, self._partitions)]
        admin = self._admin()
        answer = admin.list_consumer_group_offsets(asked)[self._group].result(ADMIN_TIMEOUT_SECONDS)
        return {(each.topic, each.partition): max(each.offset, 0) for each in answer.topic_partitions}

    @_until_kafka_answers
    def ends(self) -> Offsets:
        """The offset of the next record to be written."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        admin = self._admin()  # kept in a variable: the futures fail when it is garbage-collected
        found = admin.list_offsets(dict.fromkeys(self._partitions, latest))
        return {
            (each.topic, each.partition): future.result(ADMIN_TIMEOUT_SECONDS).offset for each, future in found.items()
        }

    def lag(self) -> Offsets:
        """The number of uncommitted records of each partition that has any."""
        ends, committed = self.ends(), self.committed()
        return {tp: end - committed[tp] for tp, end in ends.items() if end != committed[tp]}

    def is_caught_up(self) -> bool:
        """Whether everything is committed."""
        return not self.lag()

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self._bootstrap_servers, "log_level": 0})
