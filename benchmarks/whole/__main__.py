"""A whole worker with a real and cheap outside world, against what somebody would write by hand.

Kafka, Redis and an S3 are real, both APIs are one fast process with a latency that is given. The contenders take turns:
`ours` is `saving-alerts worker` with every setting at its default, `by hand` an asyncio process without topics of its
own (benchmarks/whole/by_hand.py), and those of `--former` are workers of other checkouts. The figures go into
benchmarks/RESULTS.md, unless there are such.

python -m benchmarks.whole
python -m benchmarks.whole --workers 2
python -m benchmarks.whole --rounds 1 --drain 20000 --rates 500 --seconds 10 --former ../another-checkout
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from benchmarks import source
from benchmarks.exit import print_measured
from benchmarks.whole.measure import Measured, drain, steady
from benchmarks.whole.summary import Figures, Scenario, written
from benchmarks.whole.world import BY_HAND, OURS, Apis, Setup, World
from tests.kafka_cluster.cluster import KafkaCluster

SLOW_MILLISECONDS = (100.0, 50.0)


class _Run:
    """One run of the program."""

    def __init__(self, world: World, arguments: argparse.Namespace) -> None:
        self._world = world
        self._arguments = arguments
        self._topics = 0

    def all(self) -> Figures:
        figures = Figures()
        if self._arguments.drain:
            source.create_topics(self._world.bootstrap_servers, "drained")
            source.fill(self._world.bootstrap_servers, "drained", self._arguments.drain, lambda _: None)
        for number in range(self._arguments.rounds):
            for scenario in self._scenarios():
                for name in self._arguments.contenders:
                    measured = self._measured(scenario, name)
                    figures.add(scenario, name, measured)
                    Console(stderr=True).print(f"{number + 1}: {scenario.name}, {name}: {figures.last(scenario, name)}")
        return figures

    def _scenarios(self) -> Iterator[Scenario]:
        if self._arguments.drain:
            yield Scenario("drain, APIs at 0 ms", (0.0, 0.0), 0)
            if not self._arguments.only_fast:
                yield Scenario("drain, APIs at 100 and 50 ms", SLOW_MILLISECONDS, 0)
        for rate in self._arguments.rates:
            yield Scenario(f"{rate}/s, APIs at 100 and 50 ms", SLOW_MILLISECONDS, rate)

    def _measured(self, scenario: Scenario, name: str) -> Measured:
        world, arguments = self._world, self._arguments
        topic = self._topic() if scenario.rate else "drained"
        with Apis(world.folder / "stub", *scenario.milliseconds) as apis, world.contender(name, topic, apis) as running:
            if not scenario.rate:
                return drain(running, apis, arguments.drain)
            return steady(running, apis, world.bootstrap_servers, topic, scenario.rate, arguments.seconds)

    def _topic(self) -> str:
        self._topics += 1
        name = f"steady-{self._topics}"
        source.create_topics(self._world.bootstrap_servers, name)
        return name


def main() -> int:
    """The exit code."""
    arguments = _arguments()
    return print_measured(lambda: _all(arguments))


def _all(arguments: argparse.Namespace) -> str:
    setup = Setup(arguments.workers, arguments.calls, arguments.former)
    with (
        KafkaCluster(brokers=1) as cluster,
        tempfile.TemporaryDirectory(prefix="saving-alerts-whole-") as folder,
        World(cluster.bootstrap_servers, Path(folder), setup) as world,
    ):
        figures = _Run(world, arguments).all()
    return written(figures, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="in turn (default: %(default)s)")
    parser.add_argument("--drain", type=int, default=100_000, help="events that wait; 0: none (default: %(default)s)")
    parser.add_argument("--only-fast", action="store_true", help="drain with APIs at 0 ms only")
    parser.add_argument("--rates", type=int, nargs="*", default=[50, 500, 2000], help="events/s (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="at each rate (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes of each contender (default: %(default)s)")
    parser.add_argument("--calls", type=int, help="most calls of each API at once (default: the settings', 64)")
    parser.add_argument("--former", nargs="*", default=[], metavar="FOLDER", help="other checkouts")
    parser.add_argument("--contenders", nargs="*", help="of them, in this order")
    arguments = parser.parse_args()
    arguments.former = {Path(each).resolve().name: Path(each).resolve() for each in arguments.former}
    arguments.contenders = arguments.contenders or [*arguments.former, OURS, BY_HAND]
    return arguments


if __name__ == "__main__":
    sys.exit(main())
