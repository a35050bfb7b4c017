"""Prints by how many MiB this process grew while it unpacked the fetch in the file of its first argument."""

import resource
import sys
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from saving_alerts.kafka.unpacking import unpack_for_aiokafka

unpack_for_aiokafka()


def peak_mebibytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(path: Path) -> int:
    fetched = fetcher.MemoryRecords(path.read_bytes())
    before = peak_mebibytes()
    records = fetcher.PartitionRecords(TopicPartition("t", 0), fetched, [], 0, None, None, True, 1)
    for _ in records:
        pass
    return peak_mebibytes() - before


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]))}\n")
