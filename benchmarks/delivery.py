"""Microseconds per event of the stages with our delivery, against the same steps called by hand, in memory.

Both get the same raw records in batches, and whatever they write is taken at once: this is what delivery costs beside
Kafka, for outcomes, records, acknowledgements, timelines, metrics and tasks. Ends with 1 where it takes more times as
long as by hand than its budget says.

python -m benchmarks.delivery
"""

import asyncio
import cProfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import click
from aiokafka import ConsumerRecord
from rich.console import Console
from rich.table import Table

from benchmarks import budgets, source
from benchmarks.contenders.in_memory import Batches, ByHand, Contender, Ours
from benchmarks.held_head import TOPICS
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.client import partition_of
from saving_alerts.worker import interpreter

ROUNDS = 5
EVENTS = 30_000
BATCH_RECORDS = 250
OURS, BY_HAND = "ours", "by hand"
ALL_STAGES = "four stages"
# Times by hand: a third more than was measured when they were set.
BUDGETS = {str(Stage.VALIDATE): 1.6, ALL_STAGES: 2.3}

Times = dict[str, float]


@click.command(help=__doc__)
@click.option("--profile", type=click.Path(path_type=Path), help="Write cProfile's figures of ours into this file.")
def main(profile: Path | None) -> None:
    """Measure both in turn, several rounds, and print the medians."""
    rounds = asyncio.run(_measure(profile))
    _show({name: _of_rounds(median, each) for name, each in rounds.items()})
    # The least of all rounds is what the machine disturbs least.
    budgets.end(above({name: _of_rounds(min, each) for name, each in rounds.items()}))


def _of_rounds(taken: Callable[[Iterable[float]], float], rounds: list[Times]) -> Times:
    return {case: taken(each[case] for each in rounds) for case in rounds[0]}


def above(microseconds: Mapping[str, Times]) -> list[str]:
    """What takes longer than its budget, in words."""
    ratios = {case: microseconds[OURS][case] / microseconds[BY_HAND][case] for case in BUDGETS}
    return budgets.above(ratios, BUDGETS, "as long with delivery as by hand")


async def _measure(profile: Path | None) -> dict[str, list[Times]]:
    contenders: dict[str, Contender] = {OURS: await Ours.opened(), BY_HAND: ByHand()}
    events = _source_batches()
    interpreter.tune()
    rounds: dict[str, list[Times]] = {name: [] for name in contenders}
    with cProfile.Profile() if profile else nullcontext() as profiled:
        for _ in range(ROUNDS):
            for name, contender in contenders.items():
                if profiled:
                    (profiled.enable if name == OURS else profiled.disable)()
                rounds[name].append(await _round(contender, events))
    if profile and profiled:
        profiled.dump_stats(profile)
    return rounds


async def _round(contender: Contender, batches: Batches) -> Times:
    """Microseconds of CPU for an event of the source: of each stage, and of all."""
    times: Times = {}
    for stage in Stage:
        began = time.process_time()
        written = await contender.work(stage, batches)
        times[stage] = (time.process_time() - began) / EVENTS * 1e6
        if output := TOPICS.next_stage.get(stage):
            batches = _batches(_as_read(each for each in written if each.topic == output.name))
    return {**times, ALL_STAGES: sum(times.values())}


def _source_batches() -> Batches:
    events = source.records(EVENTS)
    outputs = (Output(TOPICS.source.name, partition_of(key, source.PARTITIONS), key, value) for key, value in events)
    return _batches(_as_read(outputs))


def _as_read(outputs: Iterable[Output]) -> Iterator[ConsumerRecord]:
    next_offsets: defaultdict[int, int] = defaultdict(int)
    written_at = int(time.time() * 1000)
    for each in outputs:
        offset = next_offsets[each.partition]
        next_offsets[each.partition] += 1
        yield ConsumerRecord(
            each.topic, each.partition, offset, written_at, 0, each.key, each.value, None, 0, 0, tuple(each.headers)
        )


def _batches(records: Iterable[ConsumerRecord]) -> Batches:
    by_partition: defaultdict[int, list[ConsumerRecord]] = defaultdict(list)
    for record in records:
        by_partition[record.partition].append(record)
    return [
        of_one[first : first + BATCH_RECORDS]
        for of_one in by_partition.values()
        for first in range(0, len(of_one), BATCH_RECORDS)
    ]


def _show(medians: Mapping[str, Times]) -> None:
    table = Table("stage", "ours, µs", "by hand, µs", "times", "budget")
    for case, by_hand in medians[BY_HAND].items():
        ours = medians[OURS][case]
        budget = f"{BUDGETS[case]:g}" if case in BUDGETS else ""
        table.add_row(case, f"{ours:.2f}", f"{by_hand:.2f}", f"{ours / by_hand:.2f}", budget)
    Console().print(table)


if __name__ == "__main__":
    main()
