"""How long `saving-alerts audit` takes, and how much memory, on a real Apache Kafka of one broker.

python -m benchmarks.audit --offsets 1000000

It fills a source with records as long as events usually are, and writes the decisions and receipts of small batches.
The command runs as a process of its own: first over a tenth of the offsets, then over all of them, so that memory that
grows with them is seen.
"""

import argparse
import sys
import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.measured_command import measured
from demo.workers.worker_process import clean_environment, command_line
from tests.kafka_cluster.cluster import KafkaCluster
from tests.support.recorded_deployment import RecordedDeployment
from tests.unit.ledger.answered_source import AnsweredSource

OFFSETS = 1_000_000
PARTITIONS = 12
LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Run:
    """One audit: what it printed last, its wall time with the start of the process, and the most memory it held."""

    summary: str
    seconds: float
    peak_mib: float
    exit_code: int


def main() -> None:
    """Fill, audit, print; exit code 1 when an audit was not sound or took longer than its limit."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--offsets", type=int, default=OFFSETS, help=f"how many source offsets ({OFFSETS:,})")
    per_partition = -(-arguments.parse_args().offsets // PARTITIONS)
    with KafkaCluster(brokers=1) as cluster:
        environment = _filled(cluster, per_partition)
        runs = [_audit(environment, end) for end in (max(per_partition // 10, 1), per_partition)]
    _show(runs)
    sys.exit(any(run.exit_code or run.seconds > LIMIT_SECONDS for run in runs))


def _filled(cluster: KafkaCluster, per_partition: int) -> dict[str, str]:
    """The settings of a deployment whose source is full and answered."""
    deployment = RecordedDeployment(cluster.bootstrap_servers, "benchmark")
    one_broker = {"SAVING_ALERTS_TOPIC_PARTITIONS": str(PARTITIONS), "SAVING_ALERTS_TOPIC_REPLICATION_FACTOR": "1"}
    environment = {**clean_environment(), **deployment.environment, **one_broker}
    command_line(["topics", "create"], environment).check_returncode()
    began = time.monotonic()
    AnsweredSource(deployment, PARTITIONS, per_partition).write()
    print(f"filled in {time.monotonic() - began:.0f} s")
    return environment


def _audit(environment: dict[str, str], before: int) -> Run:
    ended = measured(["audit", "--to-offsets", str(before)], environment)
    printed = ended.stdout.splitlines()
    return Run(printed[-1] if printed else "", ended.seconds, ended.peak_mib, ended.exit_code)


def _show(runs: list[Run]) -> None:
    table = Table("audited", "seconds", "peak RSS, MiB", "exit code")
    for run in runs:
        table.add_row(run.summary, f"{run.seconds:.1f}", f"{run.peak_mib:.0f}", str(run.exit_code))
    Console().print(table)


if __name__ == "__main__":
    main()
