"""Events per second, latency, CPU and memory of one worker process: ours, idiomatic Faust, and a bare aiokafka loop.

All three run the same steps, write the same records and wait until Kafka has them, each in a process of its own, in
turn, against the same real Apache Kafka on this machine. The figures go into benchmarks/RESULTS.md.

python -m benchmarks.end_to_end
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import source
from benchmarks.contenders.process import ContenderError
from benchmarks.latency import EVENTS_PER_SECOND, WARM_UP_EVENTS
from benchmarks.run import IDIOMATIC_DIVISOR, SCENARIOS, Run
from benchmarks.summary import write_results
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import java_and_maven_missing

MIN_EVENTS = 12 * source.EVENTS_PER_PIECE


def main() -> int:
    """0 when it measured, or cannot measure here; 1 when a contender or Kafka failed."""
    arguments = _arguments()
    if sentence := java_and_maven_missing():
        Console().print(f"skipped: {sentence}")
        return 0
    try:
        with _opened(arguments) as run:
            text = _profile(run, arguments.profile) if arguments.profile else _measure(run, arguments)
    except (ContenderError, KafkaException, RuntimeError) as error:
        Console(stderr=True).print(f"nothing was measured: {error}", style="red", markup=False)
        return 1
    print(text)
    return 0


def _profile(run: Run, folder: Path) -> str:
    run.profile()
    return f"look at them with: python -m pstats {folder}/validate.prof"


def _measure(run: Run, arguments: argparse.Namespace) -> str:
    return write_results(run.all(), SCENARIOS, _method(arguments))


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[Run]:
    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        KafkaCluster(brokers=1) as cluster,
        tempfile.TemporaryDirectory(prefix="saving-alerts-benchmark-") as folder,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        yield Run(
            cluster.bootstrap_servers,
            Path(folder),
            arguments.events,
            arguments.rounds,
            arguments.latency_seconds,
            progress,
            arguments.profile,
        )


def _method(arguments: argparse.Namespace) -> str:
    return (
        f"{arguments.rounds} rounds in turn, medians. {arguments.events:,} events on {source.PARTITIONS} partitions "
        f"wait when a contender starts (idiomatic: {arguments.events // IDIOMATIC_DIVISOR:,}); the first 5 % are its "
        "warm-up. One process each, on uvloop. Every outcome is awaited before it counts. Idiomatic Faust is "
        "`take_events`, with `topic.send` awaited for a batch. "
        f"Latency: {EVENTS_PER_SECOND} events/s for {arguments.latency_seconds} s after "
        f"{WARM_UP_EVENTS // EVENTS_PER_SECOND} s of warm-up, through all four stages."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=_at_least(MIN_EVENTS), default=300_000, help="default: %(default)s")
    parser.add_argument("--rounds", type=_at_least(1), default=3, help="default: %(default)s")
    parser.add_argument("--latency-seconds", type=_at_least(2), default=20, help="default: %(default)s")
    parser.add_argument(
        "--profile", type=_folder, metavar="FOLDER", help="write cProfile files of ours there, and no results"
    )
    return parser.parse_args()


def _folder(text: str) -> Path:
    folder = Path(text).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class _at_least:  # noqa: N801 - argparse shows the name
    def __init__(self, lowest: int) -> None:
        self._lowest = lowest

    def __call__(self, text: str) -> int:
        number = int(text)
        if number < self._lowest:
            raise argparse.ArgumentTypeError(f"at least {self._lowest:,}")
        return number


if __name__ == "__main__":
    sys.exit(main())
