"""A canary as foretold becomes everybody's when its time is over, and one that is too loud is taken back: made runs.

Each with the guards, the kill switches and the snapshot of a worker, which hears of two others: two hours in which it
looks every ten seconds, at 5 % of 1,000 events a second.
"""

from dataclasses import replace
from datetime import timedelta
from random import Random
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from saving_alerts.domain.canary.evidence import Evidence, together
from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.kill_switches import KillSwitch, read_switch
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.reference_data.snapshot import ReferenceData
from saving_alerts.worker.canary_watch import CanaryWatch
from saving_alerts.worker.runtime import WorkerRuntime
from saving_alerts.worker.taken_back import TakenBack
from tests.support.fakes.clock import START
from tests.support.fakes.kill_switches import FakeKillSwitches
from tests.support.sample_canary import an_order
from tests.support.sample_events import snapshot
from tests.support.worker_rows import a_row
from tests.unit.worker.test_canary_watch import Runtime

pytestmark = pytest.mark.asyncio
ORDER = an_order()
STEP = timedelta(seconds=10)
WORKERS = 3
EVENTS = 50 * 10 // WORKERS  # of one worker in a step
USERS = [f"u-{number}" for number in range(100)]
FORETOLD = ORDER.foretold.pushes


class Trying(Runtime):
    """What it writes comes back to it as a kill switch."""

    def __init__(self) -> None:
        super().__init__()
        self.switches = FakeKillSwitches()
        self.data, found = ReferenceData(taken_back=TakenBack(self.switches, self.clock)), snapshot()
        self.data.replace_rules(replace(found.rules, version=ORDER.instead_of), START)
        self.data.replace_merchants(found.merchants, START)
        self.data.replace_canary((ORDER, replace(found.rules, version=ORDER.version)))
        self.others: list[WorkerRow] = []

    @property
    def reference_data(self) -> SimpleNamespace:
        return SimpleNamespace(order=self.data.order)

    def tried(self) -> CanaryOrder | None:
        return self.data.order if self.data.current.tried else None

    def sees(self, each: list[Evidence]) -> None:
        self.canary.evidence = each[0]
        self.others = [
            msgspec.structs.replace(a_row(0, {}), incarnation=f"i-{number}", canary=ORDER.id, evidence=evidence)
            for number, evidence in enumerate(each[1:])
        ]

    def obeys(self) -> None:
        for record in self.written:
            switch = read_switch(record.key, record.value or b"")
            assert isinstance(switch, KillSwitch)
            self.switches.turn_on(switch)

    def versions(self) -> set[str]:
        """Of the rules of all users now."""
        now = self.clock.now()
        return {self.data.current.of(user, now).rules.version for user in USERS}


async def versions_at_the_end(seed: int, pushes: float) -> set[str]:
    random, trying = Random(seed), Trying()
    watch = CanaryWatch(cast("WorkerRuntime", trying), lambda: trying.others)
    seen = [Evidence()] * WORKERS
    assert len(trying.versions()) == 2
    while trying.clock.now() < ORDER.ends:
        trying.clock.advance(STEP)
        seen = [together((each, _of_a_step(random, pushes))) for each in seen]
        trying.sees(seen)
        await watch.look()
        trying.obeys()
    return trying.versions()


def _of_a_step(random: Random, pushes: float) -> Evidence:
    wanted = _binomial(random, EVENTS, pushes)
    return Evidence(
        evaluated=EVENTS,
        wanted=wanted,
        when_errors=_binomial(random, EVENTS, 0.001),
        tried=wanted,
        refused=_binomial(random, wanted, 0.03),
    )


def _binomial(random: Random, of: int, rate: float) -> int:
    return sum(random.random() < rate for _ in range(of))


@pytest.mark.parametrize("runs", [5, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
async def test_as_foretold_it_is_everybodys_at_its_end_in_every_run(runs: int) -> None:
    ended = [await versions_at_the_end(seed, FORETOLD) for seed in range(runs)]

    assert ended == [{ORDER.version}] * runs


@pytest.mark.parametrize("pushes", [3 * FORETOLD, FORETOLD / 3])
async def test_what_is_not_as_foretold_is_nobodys_and_stays_so(pushes: float) -> None:
    assert await versions_at_the_end(1, pushes) == {ORDER.instead_of}
