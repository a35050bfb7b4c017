"""How far a consumer that somebody would write by hand is, in each of its partitions."""

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError


class ReadProgress(ConsumerRebalanceListener):  # type: ignore[misc]
    """What of each partition was read, and which of its records are in work. Of a new assignment nothing is."""

    def __init__(self) -> None:
        self.next_offset: dict[TopicPartition, int] = {}
        self.in_work: dict[TopicPartition, dict[int, None]] = {}

    def begin(self, partition: TopicPartition, offset: int) -> None:
        self.in_work.setdefault(partition, {})[offset] = None

    def end(self, partition: TopicPartition, offset: int) -> None:
        self.in_work.get(partition, {}).pop(offset, None)

    def committable(self) -> dict[TopicPartition, int]:
        """Per partition the offset of the first record that is not finished."""
        return {each: next(iter(self.in_work.get(each, ())), offset) for each, offset in self.next_offset.items()}

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        for partition in revoked:
            self.next_offset.pop(partition, None)
            self.in_work.pop(partition, None)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None: ...


async def commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> bool:
    """Whether Kafka has them. A partition may have gone meanwhile: its next owner does again what is not committed."""
    try:
        await consumer.commit(offsets)
    except (KafkaError, ValueError) as error:
        print(f"not committed: {error!r}", flush=True)
        return False
    return True
