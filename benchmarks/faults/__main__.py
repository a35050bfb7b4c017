"""How long a fixed list of faults is felt, on a real Apache Kafka of three brokers: ours, and a consumer by hand.

Each contender has two processes and every setting at its default; who ends is started again at once. The figures go
into benchmarks/RESULTS.md.

python -m benchmarks.faults
python -m benchmarks.faults --former ../former    (a checkout of a former commit, in turn with this one)
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

from rich.console import Console

from benchmarks.exit import print_measured
from benchmarks.faults.figures import Figures, Gap
from benchmarks.faults.members import BY_HAND, FORMER, OURS, PARTITIONS, PROCESSES, Member, start_members
from benchmarks.faults.plan import PLAN, SECONDS
from benchmarks.faults.scene import PER_SECOND, Scene
from benchmarks.results import machine, table, write_section
from demo.traffic import merchants_jsonl
from demo.world import World
from tests.end_to_end.shoppers import good_coupons, long_freshness_rules
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "Faults, and how long they are felt"

Measured = Mapping[str, Sequence[Figures]]


def main() -> int:
    """The exit code."""
    arguments = _arguments()
    contenders = [name for name in arguments.contenders if name != FORMER or arguments.former]

    def measure() -> str:
        measured: dict[str, list[Figures]] = {name: [] for name in contenders}
        for _ in range(arguments.rounds):
            for name in contenders:
                measured[name].append(_under_faults(name, arguments.former))
                Console(stderr=True).print(_head_table(measured), markup=False)
        return _written(measured)

    return print_measured(measure)


def _under_faults(contender: str, former: Path | None) -> Figures:
    with KafkaCluster(brokers=3) as cluster, World(cluster.bootstrap_servers) as world:
        world.s3.put("rules.json", long_freshness_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = good_coupons
        members = start_members(contender, world, former)
        try:
            scene = Scene(cluster, world, members)
            scene.warm_up()
            return scene.run(PLAN, SECONDS)
        finally:
            _end(members)


def _end(members: Iterable[Member]) -> None:
    for member in members:
        with suppress(RuntimeError):
            member.kill()


def _head_table(measured: Measured) -> str:
    head = ("", "longest gap", "in a partition", "p50", "p99", "lost", "doubled", "events")
    return table(head, [_row(name, runs) for name, runs in measured.items() if runs])


def _row(name: str, runs: Sequence[Figures]) -> tuple[str, ...]:
    return (
        name,
        _seconds(run.gap().seconds for run in runs),
        _seconds(run.partition_gap().seconds for run in runs),
        _seconds(run.latency(0.5) for run in runs),
        _seconds(run.latency(0.99) for run in runs),
        f"{sum(run.lost for run in runs):,}",
        f"{sum(run.doubled for run in runs):,}",
        f"{sum(len(run.pushes) for run in runs):,}",
    )


def _seconds(each: Iterable[float]) -> str:
    """The median, and the spread where there are several."""
    values = sorted(each)
    spread = f" ({values[0]:.1f} to {values[-1]:.1f})" if len(values) > 1 else ""
    return f"{median(values):.1f} s{spread}"


def _fault_table(measured: Measured) -> str:
    felt = {name: [run.felt(PLAN) for run in runs] for name, runs in measured.items()}
    rows = [
        (f"{planned.at:g} s: {planned.name}", *(_felt(runs, planned.name) for runs in felt.values()))
        for planned in PLAN
        if planned.name
    ]
    return table(("the longest gap in a partition from", *measured), rows)


def _felt(runs: Sequence[Mapping[str, Gap]], name: str) -> str:
    return _seconds(run[name].seconds for run in runs)


def _written(measured: Measured) -> str:
    method = (
        f"{PROCESSES} processes each, {PARTITIONS} partitions, three brokers, {PER_SECOND} events/s for {SECONDS:g} s, "
        "one push each; medians, and the spread where there are several rounds. A gap is a time in which no push came, "
        "of any partition or of one."
    )
    return write_section(TITLE, machine(), method, _head_table(measured), _fault_table(measured))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = (OURS, FORMER, BY_HAND)
    parser.add_argument("--contenders", nargs="+", choices=names, default=list(names), help="default: all")
    parser.add_argument("--former", type=Path, help="a checkout of a former commit (default: none)")
    parser.add_argument("--rounds", type=int, default=1, help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
