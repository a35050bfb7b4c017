"""What ten conditions are called, where, and after how many seconds: two workers on a real Apache Kafka.

Each is brought about, looked at wherever an operator looks, and ended. A table of it is printed. It ends with 1 where
some place did not name the cause, or a deployment did not become well again.

python -m benchmarks.outages
python -m benchmarks.outages --only "Kafka gone"
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

from rich.console import Console

from benchmarks.deployment import create_deployment
from benchmarks.exit import print_measured
from benchmarks.outage_cases import CASES, Case, Stage
from benchmarks.results import table
from demo.checks.decision_consumer import DecisionConsumer
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.decisions import Decision
from tests.end_to_end.conditions import page
from tests.end_to_end.shoppers import visit
from tests.end_to_end.test_kill_switch import RunningDeployment, publish_reference_data
from tests.kafka_cluster.cluster import KafkaCluster

WORKERS = 2
SHOPPERS = 6
SAID_WITHIN_SECONDS = 60
WELL_WITHIN_SECONDS = 120
POLL_SECONDS = 0.2
SETTINGS = {"SAVING_ALERTS_RELOAD_SECONDS": "1"}
NOT_SAID = "NOT SAID"
PLACES = ("title", "page", "health", "log", "metrics", "stats")
HEAD = ("condition", "where", "after", "it says")
Read = Callable[[], str]


@dataclass(slots=True)
class Told:
    """`said`: of each place the seconds and the words, or nothing; `well` when all was well again."""

    case: Case
    said: dict[str, tuple[float, str]] = field(default_factory=dict)
    decisions: Sequence[Decision] = ()
    well: str = NOT_SAID

    @property
    def is_complete(self) -> bool:
        return set(self.said) == set(PLACES) and any(
            re.search(self.case.decided, _words(each)) for each in self.decisions
        )

    def rows(self) -> Iterator[tuple[str, ...]]:
        for place in PLACES:
            seconds, words = self.said.get(place, (0.0, NOT_SAID))
            yield self.case.name, place, f"{seconds:.1f} s" if place in self.said else "", _cell(words)
        named = [each for each in self.decisions if re.search(self.case.decided, _words(each))]
        yield self.case.name, "decision", "", _cell(_words(named[0]) if named else f"{NOT_SAID}: {self._undecided()}")
        yield self.case.name, "well again", _cell(self.well), ""

    def _undecided(self) -> str:
        return "; ".join(map(_words, self.decisions))


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(CASES), help="one of them; can be given again")
    names: list[str] = parser.parse_args().only or list(CASES)
    return print_measured(lambda: _measured([CASES[name] for name in names]))


def _measured(cases: Sequence[Case]) -> str:
    with KafkaCluster(brokers=1) as cluster, World(cluster.bootstrap_servers) as world:
        settings = {**create_deployment(world), **SETTINGS}
        publish_reference_data(world)
        with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
            workers = [world.start_worker(settings) for _ in range(WORKERS)]
            wait_until_ready(workers)
            deployment = RunningDeployment(world, decisions, workers)
            deployment.reasons("before")
            told = [_told(case, Stage(cluster, deployment)) for case in cases]
    rows = table(HEAD, [row for each in told for row in each.rows()])
    if missing := [each.case.name for each in told if not each.is_complete]:
        raise RuntimeError(f"not everything was said of {', '.join(missing)}:\n{rows}")
    return rows


def _told(case: Case, stage: Stage) -> Told:
    """Bring it about, and read what is said of it."""
    told, users = Told(case), [f"u-{case.name.replace(' ', '-')}-{number}" for number in range(SHOPPERS)]
    worker = stage.deployment.workers[-1]
    log_from = len(worker.log())
    case.prepares(stage, users)
    if case.events_first:
        stage.deployment.write(visit(user, user) for user in users)
    with _broken(case, stage):
        began = time.monotonic()
        if not case.events_first:
            stage.deployment.write(visit(user, user) for user in users)
        _watch(told, worker, log_from, began)
        _rest(case, began)
    ended = time.monotonic()
    told.decisions = [stage.deployment.decided(user) for user in users]
    told.well = _well_again(stage.deployment.workers, ended)
    Console(stderr=True).print(table(HEAD, list(told.rows())), markup=False, soft_wrap=True)
    return told


@contextmanager
def _broken(case: Case, stage: Stage) -> Iterator[None]:
    case.breaks(stage)
    try:
        yield
    finally:
        case.heals(stage)


def _rest(case: Case, began: float) -> None:
    """The outage lasts as long as it should."""
    while time.monotonic() - began < case.lasts_seconds:
        time.sleep(POLL_SECONDS)


def _watch(told: Told, worker: WorkerProcess, log_from: int, began: float) -> None:
    """Look everywhere until each place has named the cause, or time is up."""
    places = _places(told.case, worker, log_from)
    while places.keys() - told.said.keys() and time.monotonic() - began < SAID_WITHIN_SECONDS:
        # In this order: the last one is a command, which takes a second itself.
        for place in [each for each in PLACES if each not in told.said]:
            if words := places[place]():
                told.said[place] = time.monotonic() - began, words
        time.sleep(POLL_SECONDS)


def _places(case: Case, worker: WorkerProcess, log_from: int) -> dict[str, Read]:
    """Of each place what it says of this condition, or nothing."""

    def named(words: str) -> str:
        return words if re.search(case.sentence, words) else ""

    return {
        "title": lambda: named(_found("<title>(.*?)</title>", worker)),
        "page": lambda: named(_found('<h1 id="headline">(.*?)</h1>.*?<ul id="sentences".*?</ul>', worker)),
        "health": lambda: _of_health(worker, case.condition),
        "log": lambda: _line(worker.log()[log_from:], case.logged),
        "metrics": lambda: _line(page(worker, "/metrics").body, case.metric),
        "stats": lambda: named(_stats(worker)),
    }


def _found(pattern: str, worker: WorkerProcess) -> str:
    found = re.search(pattern, page(worker, "/stats").body, re.DOTALL)
    return unescape(re.sub(r"<[^>]+>|\s+", " ", found.group())).strip() if found else ""


def _of_health(worker: WorkerProcess, name: str) -> str:
    """The condition, if it is not ok. Where no condition is about it, the state of the worker that answers."""
    for each in worker.health().get("conditions", []):
        if each["name"] == name and each["state"] != "ok":
            return f"{each['name']} {each['state']} since {each['since']}: {each['detail']}"
    return ""


def _line(text: str, pattern: str) -> str:
    return next((line for line in text.splitlines() if re.search(pattern, line)), "")


def _stats(worker: WorkerProcess) -> str:
    """What stands above the numbers."""
    shown = command_line(["stats", "--page", worker.page], {"PYTHONPATH": str(Path(__file__).parents[1])}).stdout
    return " ".join(shown.partition("Health of this worker")[0].split())


def _well_again(workers: Sequence[WorkerProcess], ended: float) -> str:
    """After how many seconds all of them say so; what they say instead if they do not."""
    while time.monotonic() - ended < WELL_WITHIN_SECONDS:
        said = [each.json("/stats.json").get("verdict", {}) for each in workers if each.is_running()]
        if all(each.get("state") == "ok" for each in said):
            return f"{time.monotonic() - ended:.1f} s"
        time.sleep(POLL_SECONDS)
    return f"{NOT_SAID}: {said}"


def _words(decision: Decision) -> str:
    held = "; ".join(map(str, decision.held_by))
    return f"{decision.reason}{f', {held}' if held else ''}, {decision.details or 'no details'}"


def _cell(words: str) -> str:
    return " ".join(words.replace("|", "/").split())


if __name__ == "__main__":
    sys.exit(main())
