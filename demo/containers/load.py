"""`python -m demo.containers.load`: shoppers come for a while, and then every event and every push is checked."""

import asyncio
import os
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape

from demo.checks.case_result import CaseResult, table
from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.funnel import show_decisions, show_funnel
from demo.checks.group_offsets import GroupOffsets
from demo.containers.load_check import ObservedLoad, check_load, slowest_push_seconds
from demo.containers.progress import Progress
from demo.containers.remote_push_api import RemotePushApi
from demo.containers.shoppers import Shoppers
from demo.traffic.paced_producer import PacedProducer
from demo.workers.worker_process import command_line
from saving_alerts.kafka.client import unequal_or_missing
from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.settings import Settings, SettingsRefusedError, read_settings

ANSWER_TIMEOUT_SECONDS = 300
COMMIT_TIMEOUT_SECONDS = 60
NO_NEWS_SECONDS = 15
POLL_SECONDS = 0.5

console = Console(width=None if sys.stdout.isatty() else 100)


@click.command(epilog="Example: make load RATE=50 SECONDS=60")
@click.option("--rate", type=click.FloatRange(1, 2_000), default=50.0, show_default=True, help="Events per second.")
@click.option(
    "--seconds", type=click.IntRange(5, 86_400), default=60, show_default=True, help="For how long they come."
)
def main(*, rate: float, seconds: int) -> None:
    """Let shoppers come, wait for every answer, show the funnel and the audit, and judge.

    Settings are the workers' own, from the environment. Exit code 0 only if no event was lost and every user who had
    to be pushed was pushed once and in time.
    """
    try:
        settings = read_settings()
    except SettingsRefusedError as error:
        raise click.ClickException(f"{error}\nIn the cluster it is started with `make load`.") from error
    _require_topics(settings)
    sys.exit(0 if Load(settings, rate, seconds).run() else 1)


def _require_topics(settings: Settings) -> None:
    topics = settings.topics
    names = [topic.name for topic in topics.partitioned]
    try:
        problem = asyncio.run(unequal_or_missing(settings.kafka, names, topics.kill_switches.name))
    except KafkaFailedError as error:
        problem = str(error)
    if problem:
        raise click.ClickException(f"{problem}\nStart the cluster with `make up`.")


class Load:
    """One run of the load; its users have no events of earlier runs."""

    def __init__(self, settings: Settings, rate: float, seconds: int) -> None:
        servers = settings.kafka_bootstrap_servers
        self._topics = settings.topics
        self._rate = rate
        self._seconds = seconds
        self._partitions = settings.topic_partitions
        self._push_api = RemotePushApi(settings.push_api_url)
        self._shoppers = Shoppers(f"{datetime.now(UTC):%m%dT%H%M%S}", self._push_api.behave)
        self._producer = PacedProducer(servers, self._topics.source.name, flush_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
        self._decisions = DecisionConsumer(servers, self._topics.decisions.name)
        inputs = [topic.name for topic in self._topics.inputs.values()]
        self._offsets = GroupOffsets(servers, settings.app_id, inputs, self._partitions)
        self._began = time.monotonic()
        self._failure: Exception | None = None
        self._last_answered, self._last_change_at = 0, self._began

    def run(self) -> bool:
        """Whether there were no failures."""
        console.print(f"{self._rate:g} events a second for {self._seconds} s; the users are u-{self._shoppers.name}-…")
        with self._decisions:
            self._produce()
            self._wait_for_answers()
            committed = self._is_committed()
            result = self._check()
        self._show(result)
        return self._audited() and committed and not result.failures

    def _produce(self) -> None:
        writer = threading.Thread(target=self._write, name="load", daemon=True)
        writer.start()
        with Progress(console, self._planned, self._state) as progress:
            while writer.is_alive():
                progress.show()
                writer.join(POLL_SECONDS)
        if self._failure is not None:
            raise click.ClickException(f"{self._failure}\nIs Kafka well? See `docker compose ps`.")

    @property
    def _planned(self) -> int:
        return round(self._rate * self._seconds)

    def _write(self) -> None:
        try:
            self._producer.write(self._shoppers.events(self._seconds), self._rate)
        except Exception as error:  # noqa: BLE001 - raised in the main thread
            self._failure = error

    def _state(self) -> tuple[int, int]:
        """The number of events that are written, and of those that are answered."""
        positions = list(self._producer.positions.values())
        return len(positions), sum(self._decisions.reason(position) is not None for position in positions)

    def _wait_for_answers(self) -> None:
        """Return when every event has its answer, when no more will come, or after the timeout."""
        give_up_at = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        with Progress(console, len(self._producer.positions), self._state) as progress:
            while self._unanswered() and time.monotonic() < give_up_at and not self._no_more_will_come():
                progress.show()
                time.sleep(POLL_SECONDS)
            progress.show()

    def _no_more_will_come(self) -> bool:
        """Whether everything is committed and no answer came for a while: no more will come then."""
        if (answered := self._state()[1]) != self._last_answered:
            self._last_answered, self._last_change_at = answered, time.monotonic()
        return time.monotonic() - self._last_change_at > NO_NEWS_SECONDS and self._offsets.is_caught_up()

    def _unanswered(self) -> bool:
        written, answered = self._state()
        return answered < written

    def _is_committed(self) -> bool:
        """Whether every stage commits all its input within a minute."""
        give_up_at = time.monotonic() + COMMIT_TIMEOUT_SECONDS
        while not self._offsets.is_caught_up():
            if time.monotonic() > give_up_at:
                console.print(f"[red]✗[/red] not committed after {COMMIT_TIMEOUT_SECONDS} s: {self._offsets.lag()}")
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _check(self) -> CaseResult:
        self._observed = ObservedLoad(
            shoppers=self._shoppers,
            positions=self._producer.positions,
            decisions=self._decisions,
            pushes=self._push_api.accepted(),
            violations=self._push_api.violations(),
            partitions=self._partitions,
            seconds=time.monotonic() - self._began,
        )
        return check_load(self._observed)

    def _show(self, result: CaseResult) -> None:
        reasons = Counter(
            reason for position in self._producer.positions.values() if (reason := self._decisions.reason(position))
        )
        show_funnel(console, reasons)
        show_decisions(console, reasons)
        console.print(table([result]), markup=False, highlight=False)
        for failure in result.failures:
            console.print(f"[red]✗[/red] {escape(failure)}", soft_wrap=True)
        mark = "[red]✗[/red]" if result.failures else "[green]✓[/green]"
        expected, pushes = len(self._shoppers.users), len(self._observed.own_pushes())
        console.print(f"{mark} {result.events:,} events, {pushes:,} pushes of {expected:,} expected.")
        console.print(f"The slowest push took {slowest_push_seconds(self._observed):.1f} s.")

    def _audited(self) -> bool:
        console.print("[bold]$ saving-alerts audit[/bold]")
        audit = command_line(["audit"], dict(os.environ))
        console.print((audit.stdout + audit.stderr).strip(), markup=False, highlight=False, soft_wrap=True)
        return audit.returncode == 0


if __name__ == "__main__":
    main()
