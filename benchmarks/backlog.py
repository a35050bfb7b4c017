"""Memory of one real worker while far more shoppers wait than the Coupon API can answer.

The source holds triggers that all pass to query_coupons. The Coupon API answers each request after two seconds. Once a
second the worker's memory and its events in flight are noted. The figures go into benchmarks/RESULTS.md.

python -m benchmarks.backlog
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from statistics import median

import msgspec
from rich.console import Console
from rich.progress import track

from benchmarks.contenders.measure import resident_mib
from benchmarks.deployment import SETTINGS, create_deployment, fill_topic
from benchmarks.exit import print_measured
from benchmarks.results import machine, table, write_section
from benchmarks.source import PARTITIONS, long_freshness_rules
from demo.stub_apis.faults import Behaviour
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.templates import Template
from demo.workers.worker_process import WorkerProcess
from demo.world import World
from saving_alerts.domain.decisions import Stage
from saving_alerts.domain.events import EventType
from saving_alerts.settings import Settings
from tests.kafka_cluster.cluster import KafkaCluster

TITLE = "Memory behind a slow Coupon API"
ANSWER_SECONDS = 2.0
SAMPLE_SECONDS = 1.0
DIFFERENT_DOCUMENTS = 1_000
SHOWN_ROWS = 12
# From this share of the limit on, the worker counts as having reached it.
SETTLED_SHARE = 0.95
FLAT_GROWTH = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """The worker at one moment. `in_flight` and `answered` are of query_coupons."""

    seconds: float
    rss_mib: float
    validated: int
    in_flight: int
    answered: int


def main() -> int:
    """The exit code."""
    arguments = _arguments()
    return print_measured(lambda: _measured(arguments.events, arguments.seconds))


def _measured(events: int, seconds: int) -> str:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers, SETTINGS) as world:
        samples = _watch(world, events, seconds)
    return _written(samples, events)


def _watch(world: World, events: int, seconds: int) -> list[Sample]:
    """Fill the source, then start the worker and look at it once a second."""
    _prepare(world)
    _fill(world, events)
    worker = world.start_worker()
    worker.wait_until_ready()
    began = time.monotonic()
    samples = []
    for number in track(range(seconds), "watching the worker", console=Console(stderr=True)):
        time.sleep(max(0.0, began + number * SAMPLE_SECONDS - time.monotonic()))
        samples.append(_sample(worker, began))
    return samples


def _prepare(world: World) -> None:
    create_deployment(world)
    world.s3.put("rules.json", long_freshness_rules())
    world.coupon_api.coupons = lambda user_id, _: [good_coupon(Random(user_id), MERCHANTS[0])]
    world.coupon_api.behave(Behaviour(latency_seconds=ANSWER_SECONDS))


def _fill(world: World, events: int) -> None:
    triggers = track(_triggers(events), "filling the source", total=events, console=Console(stderr=True))
    fill_topic(world.bootstrap_servers, world.topics.source.name, triggers)


def _triggers(events: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of so many events, each of another user who enters a store."""
    now = datetime.now(UTC)
    documents = [_document(number, now) for number in range(DIFFERENT_DOCUMENTS)]
    for number in range(events):
        document = documents[number % DIFFERENT_DOCUMENTS]
        document["event_id"], document["user_id"] = f"e-{number}", f"u-{number}"
        yield f"u-{number}".encode(), msgspec.json.encode(document)


def _document(number: int, now: datetime) -> dict[str, object]:
    merchant = MERCHANTS[number % len(MERCHANTS)].merchant_id
    return Template("", "", EventType.GEOFENCE_ENTERED, merchant, details=number).document(now)


def _sample(worker: WorkerProcess, began: float) -> Sample:
    numbers = {stage["stage"]: stage for stage in worker.json("/stats.json").get("stages", [])}
    validate, query_coupons = numbers[Stage.VALIDATE], numbers[Stage.QUERY_COUPONS]
    return Sample(
        seconds=time.monotonic() - began,
        rss_mib=resident_mib(worker.pid)["VmRSS"],
        validated=validate["forwarded"],
        in_flight=query_coupons["in_flight"],
        answered=query_coupons["forwarded"] + query_coupons["decided"],
    )


def _written(samples: Sequence[Sample], events: int) -> str:
    limit = PARTITIONS * int(Settings.model_fields["window_max_records"].default)
    by_second = table(
        ("seconds", "RSS MiB", "validated", "in flight in query_coupons", "answered"),
        [_row(sample) for sample in samples[:: max(1, len(samples) // SHOWN_ROWS)]],
    )
    method = (
        f"{events:,} triggers of as many users wait on the source when one worker starts, with every setting at its "
        f"default. The Coupon API answers after {ANSWER_SECONDS:g} s. {len(samples)} samples, one a second."
    )
    return write_section(TITLE, machine(), method, _memory_table(samples, limit, events), by_second)


def _memory_table(samples: Sequence[Sample], limit: int, events: int) -> str:
    """Memory over all samples, and over those with everything validated and the limit in flight reached."""
    full = [each for each in samples if each.validated >= events and each.in_flight >= limit * SETTLED_SHARE]
    memory = [each.rss_mib for each in samples]
    rows = [
        ("RSS at the start, median, highest", _mib(memory[0], median(memory), max(memory))),
        ("in flight in query_coupons: limit, highest", f"{limit:,}, {max(each.in_flight for each in samples):,}"),
    ]
    if len(full) > 1:
        half = len(full) // 2
        early, late = (median(each.rss_mib for each in part) for part in (full[:half], full[half:]))
        flat = late <= early * (1 + FLAT_GROWTH)
        rows += [
            (f"with a full window ({len(full)} s): in flight, lowest", f"{min(each.in_flight for each in full):,}"),
            ("RSS in the first and second half of that", _mib(early, late) + (": flat" if flat else ": **grows**")),
        ]
    else:
        rows.append(("with a full window", "**never**: measure for longer"))
    return table(("", "measured"), rows)


def _mib(*figures: float) -> str:
    return ", ".join(f"{figure:.0f}" for figure in figures) + " MiB"


def _row(sample: Sample) -> tuple[str, ...]:
    return (
        f"{sample.seconds:.0f}",
        f"{sample.rss_mib:.0f}",
        f"{sample.validated:,}",
        f"{sample.in_flight:,}",
        f"{sample.answered:,}",
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000, help="waiting on the source (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=120, help="how long to watch (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
