"""Counts the requests that a process makes of Kafka, by their kind, where another process can read them meanwhile.

python benchmarks/whole/kafka_requests.py FILE MODULE ARGUMENT ...    runs a module so
"""

import mmap
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection

JOINED = "sync group"
KINDS = {0: "produce", 1: "fetch", 8: "commit", 12: "heartbeat", 14: JOINED}
OTHERS = "others"
_MOST_KINDS = 128
_BYTES = 8
_SIZE = _MOST_KINDS * _BYTES

Send = Callable[..., Any]


def read_counts(path: Path) -> dict[str, int]:
    """How many requests of each kind so far."""
    counts = dict.fromkeys((*KINDS.values(), OTHERS), 0)
    numbers = memoryview(path.read_bytes()).cast("q")
    for kind, number in enumerate(numbers):
        counts[KINDS.get(kind, OTHERS)] += number
    return counts


def _counting(send: Send, numbers: "memoryview[int]") -> Send:
    def counted(connection: AIOKafkaConnection, request: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - aiokafka's signature
        numbers[request.API_KEY] += 1
        return send(connection, request, *arguments, **options)

    return counted


def main() -> None:
    path, module = Path(sys.argv[1]), sys.argv[2]
    path.write_bytes(bytes(_SIZE))
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), _SIZE)
    AIOKafkaConnection.send = _counting(AIOKafkaConnection.send, memoryview(shared).cast("q"))
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
