"""One fault under load, from the first event to the check of all answers and pushes."""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Self

from demo.checks.case_result import CaseResult, doubled
from demo.stub_apis.push_api import AcceptedPush
from demo.traffic.paced_producer import PacedProducer, Record
from demo.workers.worker_process import WorkerProcess
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.reasons import Reason
from tests.faults.deployment import Death, Deployment
from tests.faults.load import Load

PER_SECOND = 75
ONLY_OPEN = 3
DEATH_TIMEOUT_SECONDS = 60
TAKE_OVER_TIMEOUT_SECONDS = 60
SOON_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 90
ANSWER_TIMEOUT_AFTER_DEATHS_SECONDS = 300
COMMIT_TIMEOUT_SECONDS = 30
READ_TIMEOUT_SECONDS = 30


class Case:
    """Its users are its own, so that it checks only what it wrote. At its end the deployment is as before."""

    def __init__(self, deployment: Deployment, name: str) -> None:
        self.deployment = deployment
        self.name = name
        self._slug = "".join(letter if letter.isalnum() else "-" for letter in name)
        self._load_producer = PacedProducer(deployment.world.bootstrap_servers, deployment.topics.source.name)
        self._event_producer = PacedProducer(deployment.world.bootstrap_servers, deployment.topics.source.name)
        self._load: Load | None = None
        self._expected: set[str] = set()
        self._deaths_before = len(deployment.deaths)
        self._awaited_deaths: list[Death] = []
        self._deaths_expected = False
        self._gaps: list[float] = []
        self._began = time.monotonic()
        self.result: CaseResult | None = None

    def __enter__(self) -> Self:
        self.deployment.wait_until_stable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._load is not None:
            with suppress(RuntimeError):  # an error of the load must not hide the one of the test
                self._load.stop()
        self.deployment.restore()

    def user(self, name: str) -> str:
        """A user of this case."""
        return f"u-{self._slug}-{name}"

    def begin(self, per_second: float = PER_SECOND, only_open: int = ONLY_OPEN) -> None:
        """Produce the load in the background until `check` or `stop`. Of a round so many `only_open` the app."""
        push_api = self.deployment.world.push_api
        self._load = Load(self._load_producer, push_api, self._slug, per_second, only_open)
        self._load.start()

    def stop(self) -> None:
        """Stop the load."""
        if self._load is not None:
            self._load.stop()

    def write(self, records: Iterable[Record], per_second: float = PER_SECOND, *, expect: Iterable[str] = ()) -> None:
        """Produce events beside the load; the users in `expect` must get exactly one push each."""
        self._expected |= set(expect)
        self._event_producer.write(records, per_second)

    def expect(self, users: Iterable[str]) -> None:
        """These users of what `write` wrote must get exactly one push each."""
        self._expected |= set(users)

    def reason(self, name: str) -> Reason | None:
        """The answer of an event that `write` wrote, or None while it has none."""
        return self.deployment.decisions.reason(self._event_producer.positions[name])

    def reasons(self, name: str) -> set[Reason]:
        """The reasons of all decisions on an event that `write` wrote: there may be several after a redelivery."""
        return {decision.reason for decision in self.deployment.decisions.at(self._event_producer.positions[name])}

    def decisions(self, name: str) -> list[Decision]:
        """All on an event that `write` wrote."""
        return self.deployment.decisions.at(self._event_producer.positions[name])

    def pushes(self) -> list[AcceptedPush]:
        """The accepted pushes of this case's users."""
        return [push for push in self.deployment.world.push_api.accepted if push.push.user_id.startswith(self.user(""))]

    def death_of(self, worker: WorkerProcess) -> Death:
        """Return when it has died in this case and was started again."""
        self.deployment.wait_until(
            lambda: self._death(worker) is not None, DEATH_TIMEOUT_SECONDS, f"{worker.name} dies"
        )
        death = self._death(worker)
        assert death is not None
        self._awaited_deaths.append(death)
        return death

    def expect_deaths(self) -> None:
        """Deaths are no failures in this case; answers may take longer, as workers then handle one record at a time."""
        self._deaths_expected = True

    def all_deaths(self) -> list[Death]:
        return self.deployment.deaths[self._deaths_before :]

    def _death(self, worker: WorkerProcess) -> Death | None:
        return next((death for death in self._deaths() if death.worker is worker), None)

    def _deaths(self) -> list[Death]:
        return [death for death in self.deployment.deaths[self._deaths_before :] if death not in self._awaited_deaths]

    def wait_until_worked_on(
        self, partitions: Iterable[int], since: datetime, but_after: datetime | None = None
    ) -> None:
        """Return when each of these partitions of the source was worked on after `since`; the longest time is the gap.

        With `but_after`, work before that moment does not count: it was done by the worker that stopped.
        """
        decisions, counts_from = self.deployment.decisions, but_after or since
        for partition in partitions:
            self.deployment.wait_until(
                lambda partition=partition: decisions.first_receipt_after(partition, counts_from) is not None,  # type: ignore[misc]
                TAKE_OVER_TIMEOUT_SECONDS,
                f"partition {partition} is worked on again",
            )
            first = decisions.first_receipt_after(partition, counts_from)
            assert first is not None
            self._gaps.append((first - since).total_seconds())

    def note_longest_pause(self, since: datetime, until: datetime) -> float:
        """The longest time, in seconds, in which a partition of the source was not worked on; it counts as a gap."""
        partitions = range(self.deployment.spec.partitions)
        longest = max(self.deployment.decisions.longest_pause(each, since, until) for each in partitions)
        self._gaps.append(longest)
        return longest

    def wait_until_answered(self) -> None:
        """Return when every event has its answer, or when no more will come: `check` finds those without."""
        answered = "every event has its answer"
        with suppress(TimeoutError):
            self.deployment.wait_until(lambda: not self._unanswered(), SOON_SECONDS, answered)
            return
        timeout = ANSWER_TIMEOUT_AFTER_DEATHS_SECONDS if self._deaths_expected else ANSWER_TIMEOUT_SECONDS
        with suppress(TimeoutError):
            self.deployment.wait_until(lambda: not self._unanswered() or self._is_caught_up(), timeout, answered)

    def _is_caught_up(self) -> bool:
        return self.deployment.offsets.is_caught_up()

    def _unanswered(self) -> list[str]:
        return [
            name for name, position in self._positions.items() if self.deployment.decisions.reason(position) is None
        ]

    @property
    def _positions(self) -> dict[str, tuple[int, int]]:
        return self._load_producer.positions | self._event_producer.positions

    def check(self) -> CaseResult:
        """End the load, wait until all is done and committed, and check all answers and pushes."""
        self.stop()
        self.wait_until_answered()
        self.deployment.wait_until_stable()
        wrong = self._uncommitted()
        self.deployment.decisions.wait_until_read(READ_TIMEOUT_SECONDS)
        pushes = self.pushes()
        pushed = {push.push.user_id for push in pushes}
        self.result = CaseResult(
            case=self.name,
            events=len(self._positions),
            lost=tuple(self._unanswered()),
            doubled=doubled(pushes),
            silenced=tuple(sorted(map(self._with_decisions, self._expecting() - pushed))),
            late=tuple(push.push.user_id for push in pushes if push.late),
            wrong=(*wrong, *self._wrong_answers(), *self._violations(), *self._unexpected_deaths()),
            echoes=sum(self.deployment.decisions.echoes(position) for position in self._positions.values()),
            gap_seconds=max(self._gaps, default=None),
            seconds=time.monotonic() - self._began,
        )
        return self.result

    def _expecting(self) -> set[str]:
        return self._expected | (self._load.users if self._load else set())

    def _with_decisions(self, user: str) -> str:
        """A user and the decisions on the user's events, in words."""
        decisions = [
            each
            for position in self._positions.values()
            for each in self.deployment.decisions.at(position)
            if each.user_id == user
        ]
        return f"{user} ({'; '.join(f'{each.stage}: {each.reason} {each.details}' for each in decisions)})"

    def _uncommitted(self) -> list[str]:
        """Partitions that are not committed to their end in time, in words."""
        try:
            self.deployment.wait_until(
                self.deployment.offsets.is_caught_up, COMMIT_TIMEOUT_SECONDS, "everything is committed"
            )
        except TimeoutError:
            lag = self.deployment.offsets.lag()
            return [f"{topic}-{partition} has {records} uncommitted" for (topic, partition), records in lag.items()]
        return []

    def _wrong_answers(self) -> list[str]:
        names = self._load.non_triggers if self._load else set()
        answers = {
            name: self.deployment.decisions.reason(position)
            for name, position in self._load_producer.positions.items()
            if name in names
        }
        return [f"{name} is {reason}" for name, reason in answers.items() if reason not in {None, Reason.NOT_A_TRIGGER}]

    def _unexpected_deaths(self) -> list[str]:
        unexpected = [] if self._deaths_expected else self._deaths()
        return [f"{death.worker.name} ended with {death.exit_code}" for death in unexpected]

    def _violations(self) -> list[str]:
        return self.deployment.world.push_api.violations + self.deployment.world.coupon_api.violations
