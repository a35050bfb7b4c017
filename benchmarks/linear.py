"""What reading costs by the size of what others write: 64 times the input may take at most 100 times the time.

And at most so much memory for each byte of the input. `benchmarks.hostile_files` has more sizes of rules files.

python -m benchmarks.linear
"""

import gc
import re
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

from benchmarks.shapes import SHAPES
from saving_alerts.domain.rules.expressions import compile_when
from tests.fuzzing.outcome import Outcome
from tests.fuzzing.readers import READERS

TIMES_THE_SIZE = 64
MOST_TIMES_THE_TIME = 100  # a squared cost would be 4,096
MOST_BYTES_PER_BYTE = 100  # an empty list takes 64 bytes for the three that it is written with
LEAST_BYTES = 2 * 1024 * 1024  # of memory: below it the input says nothing
SHORTEST_SECONDS = 0.005  # of one measurement: what is read faster is read again and again
ROUNDS = 3
LONG_SECONDS = 0.5  # such a reading needs no repetition to be known

Read = Callable[[bytes], Outcome]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one shape: the processor's seconds of reading the small and the large input, and memory for the large one."""

    small_bytes: int
    large_bytes: int
    small_seconds: float
    large_seconds: float
    memory_bytes: int

    @property
    def times(self) -> float:
        """How many times the time of the small one."""
        return self.large_seconds / self.small_seconds

    @property
    def bytes_per_byte(self) -> float:
        return self.memory_bytes / self.large_bytes

    @property
    def is_bounded(self) -> bool:
        little = self.memory_bytes < LEAST_BYTES or self.bytes_per_byte <= MOST_BYTES_PER_BYTE
        return self.times <= MOST_TIMES_THE_TIME and little


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(READERS)), metavar="[READER]...")
def main(names: tuple[str, ...]) -> None:
    """Measure every shape of these readers, or of all, and end with 1 if one grows too fast."""
    table = Table("reader", "shape", "bytes", "ms", "64 times, ms", "times", "memory, bytes per byte")
    bounded = True
    for reader, size, shapes in SHAPES:
        for name, make in shapes.items() if not names or reader in names else ():
            cost = measured(READERS[reader].read, make(size), make(size * TIMES_THE_SIZE))
            bounded = bounded and cost.is_bounded
            table.add_row(reader, name, *_in_figures(cost), style=None if cost.is_bounded else "bold red")
    Console(width=140).print(table)
    sys.exit(not bounded)


def _in_figures(cost: Cost) -> tuple[str, ...]:
    milliseconds = (f"{each * 1000:.3f}" for each in (cost.small_seconds, cost.large_seconds))
    return f"{cost.small_bytes:,}", *milliseconds, f"{cost.times:.0f}", f"{cost.bytes_per_byte:.0f}"


def measured(read: Read, small: bytes, large: bytes) -> Cost:
    """The cost; what grows too fast is measured again, because another process may have had the caches meanwhile."""
    for _ in range(ROUNDS):
        cost = _measured(read, small, large)
        if cost.times <= MOST_TIMES_THE_TIME:
            break
    return cost


def _measured(read: Read, small: bytes, large: bytes) -> Cost:
    """What is read of 64 small inputs is kept until the last is read: else only the large one left the caches."""
    small_seconds = seconds_of(read, small, TIMES_THE_SIZE) / TIMES_THE_SIZE
    return Cost(len(small), len(large), small_seconds, seconds_of(read, large, 1), memory_of(read, large))


def seconds_of(read: Read, raw: bytes, readings: int) -> float:
    """The processor's seconds of so many readings: the least of some measurements, which others disturbed least.

    Without the garbage collector, as in `timeit`: how often it runs depends on what was made before.
    """
    gc.collect()
    gc.disable()
    try:
        return _least_seconds(read, raw, readings)
    finally:
        gc.enable()


def _least_seconds(read: Read, raw: bytes, readings: int) -> float:
    first = _seconds(read, raw, readings)
    if first > LONG_SECONDS:
        return first
    again = max(1, round(SHORTEST_SECONDS / first))
    return min(sum(_seconds(read, raw, readings) for _ in range(again)) / again for _ in range(ROUNDS))


def _seconds(read: Read, raw: bytes, readings: int) -> float:
    seconds, kept = 0.0, list[Outcome]()
    for _ in range(readings):
        re.purge()  # a worker reads a file once, so it compiles its patterns anew
        compile_when.cache_clear()
        began = time.process_time()
        kept.append(read(raw))
        seconds += time.process_time() - began
    began = time.process_time()
    del kept
    return seconds + time.process_time() - began


def memory_of(read: Read, raw: bytes) -> int:
    """The most that Python's allocators held at a time while it was read, with the value. Not what Rust's held."""
    tracemalloc.start()
    try:
        outcome = read(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del outcome
    return peak


if __name__ == "__main__":
    main()
