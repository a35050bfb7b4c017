"""One fault under load, from the first event to the verdict."""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Self

from demo.checks.findings import Findings, doubled
from demo.stub_apis.push_api import AcceptedPush
from demo.traffic.feed import Feed, Record
from demo.workers.worker_process import WorkerProcess
from saving_alerts.domain.reasons import Reason
from tests.faults.crew import Crew, Death
from tests.faults.load import Load

PER_SECOND = 75
DEATH_TIMEOUT_SECONDS = 60
TAKE_OVER_TIMEOUT_SECONDS = 60
SOON_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 90
ANSWER_TIMEOUT_AFTER_DEATHS_SECONDS = 300
LEVEL_TIMEOUT_SECONDS = 30


class Case:
    """Its users are its own, so that it judges nothing else. It leaves the crew as it was."""

    def __init__(self, crew: Crew, name: str) -> None:
        self.crew = crew
        self.name = name
        self._slug = "".join(letter if letter.isalnum() else "-" for letter in name)
        self._feed = Feed(crew.world.bootstrap_servers, crew.topics.source.name)
        self._by_hand = Feed(crew.world.bootstrap_servers, crew.topics.source.name)
        self._load: Load | None = None
        self._expected: set[str] = set()
        self._deaths_before = len(crew.deaths)
        self._awaited: list[Death] = []
        self._deaths_are_meant = False
        self._gaps: list[float] = []
        self._began = time.monotonic()
        self.findings: Findings | None = None

    def __enter__(self) -> Self:
        self.crew.wait_until_settled()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._load is not None:
            with suppress(RuntimeError):  # what the writer met does not hide what the test met
                self._load.stop()
        self.crew.heal()

    def user(self, name: str) -> str:
        """A user of this case."""
        return f"u-{self._slug}-{name}"

    def begin(self, per_second: float = PER_SECOND) -> None:
        """Shoppers come from now on, until `verdict`."""
        self._load = Load(self._feed, self.crew.world.push_api, self._slug, per_second)
        self._load.start()

    def stop(self) -> None:
        """No more shoppers come."""
        if self._load is not None:
            self._load.stop()

    def write(self, records: Iterable[Record], per_second: float = PER_SECOND, *, expect: Iterable[str] = ()) -> None:
        """Events beside the shoppers; the users in `expect` must get exactly one push each."""
        self._expected |= set(expect)
        self._by_hand.write(records, per_second)

    def expect(self, users: Iterable[str]) -> None:
        """These users of what `write` wrote must get exactly one push each."""
        self._expected |= set(users)

    def reason(self, name: str) -> Reason | None:
        """The answer of an event that `write` wrote, or None while it has none."""
        return self.crew.watch.reason(self._by_hand.places[name])

    def reasons(self, name: str) -> set[Reason]:
        """All answers of an event that `write` wrote: copies that came again have theirs."""
        return {decision.reason for decision in self.crew.watch.decisions(self._by_hand.places[name])}

    def pushes(self) -> list[AcceptedPush]:
        """The accepted pushes of this case's users."""
        return [push for push in self.crew.world.push_api.accepted if push.push.user_id.startswith(self.user(""))]

    def death_of(self, worker: WorkerProcess) -> Death:
        """Return when it has died in this case; it has been started again."""
        self.crew.wait_until(lambda: self._death(worker) is not None, DEATH_TIMEOUT_SECONDS, f"{worker.name} dies")
        death = self._death(worker)
        assert death is not None
        self._awaited.append(death)
        return death

    def expect_deaths(self) -> None:
        """Workers die in this case as often as they like; those who follow go on one record at a time."""
        self._deaths_are_meant = True

    def all_deaths(self) -> list[Death]:
        """Every one in this case so far."""
        return self.crew.deaths[self._deaths_before :]

    def _death(self, worker: WorkerProcess) -> Death | None:
        return next((death for death in self._deaths() if death.worker is worker), None)

    def _deaths(self) -> list[Death]:
        return [death for death in self.crew.deaths[self._deaths_before :] if death not in self._awaited]

    def wait_until_worked_on(
        self, partitions: Iterable[int], since: datetime, but_after: datetime | None = None
    ) -> None:
        """Return when each of these partitions of the source was worked on again; notes how long after `since`.

        What was done before `but_after` was done by the one who left.
        """
        watch, counts_from = self.crew.watch, but_after or since
        for partition in partitions:
            self.crew.wait_until(
                lambda partition=partition: watch.first_receipt_after(partition, counts_from) is not None,  # type: ignore[misc]
                TAKE_OVER_TIMEOUT_SECONDS,
                f"partition {partition} is worked on again",
            )
            first = watch.first_receipt_after(partition, counts_from)
            assert first is not None
            self._gaps.append((first - since).total_seconds())

    def wait_until_answered(self) -> None:
        """Return when every event has its answer, or when no more will come: the verdict says which have none."""
        answered = "every event has its answer"
        with suppress(TimeoutError):
            self.crew.wait_until(lambda: not self._unanswered(), SOON_SECONDS, answered)
            return
        timeout = ANSWER_TIMEOUT_AFTER_DEATHS_SECONDS if self._deaths_are_meant else ANSWER_TIMEOUT_SECONDS
        with suppress(TimeoutError):
            self.crew.wait_until(lambda: not self._unanswered() or self._all_is_done(), timeout, answered)

    def _all_is_done(self) -> bool:
        """Whether nobody works on anything any more."""
        return self.crew.offsets.is_level()

    def _unanswered(self) -> list[str]:
        return [name for name, place in self._places.items() if self.crew.watch.reason(place) is None]

    @property
    def _places(self) -> dict[str, tuple[int, int]]:
        return self._feed.places | self._by_hand.places

    def verdict(self) -> Findings:
        """End the load, wait until all is done and committed, and judge."""
        self.stop()
        self.wait_until_answered()
        self.crew.wait_until_settled()
        wrong = self._uncommitted()
        pushes = self.pushes()
        pushed = {push.push.user_id for push in pushes}
        self.findings = Findings(
            case=self.name,
            events=len(self._places),
            lost=tuple(self._unanswered()),
            doubled=doubled(pushes),
            silenced=tuple(sorted(map(self._told_instead, self._expecting() - pushed))),
            late=tuple(push.push.user_id for push in pushes if push.late),
            wrong=(*wrong, *self._wrong_answers(), *self._violations(), *self._unawaited_deaths()),
            echoes=sum(self.crew.watch.echoes(place) for place in self._places.values()),
            gap_seconds=max(self._gaps, default=None),
            seconds=time.monotonic() - self._began,
        )
        return self.findings

    def _expecting(self) -> set[str]:
        return self._expected | (self._load.users if self._load else set())

    def _told_instead(self, user: str) -> str:
        """A user without a push, and how each of the events ended."""
        decisions = [
            each for place in self._places.values() for each in self.crew.watch.decisions(place) if each.user_id == user
        ]
        return f"{user} ({'; '.join(f'{each.stage}: {each.reason} {each.details}' for each in decisions)})"

    def _uncommitted(self) -> list[str]:
        """Where the commit never reached the end."""
        try:
            self.crew.wait_until(self.crew.offsets.is_level, LEVEL_TIMEOUT_SECONDS, "everything is committed")
        except TimeoutError:
            lag = self.crew.offsets.lag()
            return [f"{topic}-{partition} has {records} uncommitted" for (topic, partition), records in lag.items()]
        return []

    def _wrong_answers(self) -> list[str]:
        names = self._load.passers_by if self._load else set()
        answers = {name: self.crew.watch.reason(place) for name, place in self._feed.places.items() if name in names}
        return [f"{name} is {reason}" for name, reason in answers.items() if reason not in {None, Reason.NOT_A_TRIGGER}]

    def _unawaited_deaths(self) -> list[str]:
        unawaited = [] if self._deaths_are_meant else self._deaths()
        return [f"{death.worker.name} ended with {death.exit_code}" for death in unawaited]

    def _violations(self) -> list[str]:
        return self.crew.world.push_api.violations + self.crew.world.coupon_api.violations
