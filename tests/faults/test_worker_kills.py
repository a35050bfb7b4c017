"""kill -9 of every worker in turn, under all the kinds of events that the demo has."""

import time
from dataclasses import dataclass

import pytest

from demo.checks.case_result import CaseResult, doubled
from demo.traffic import Traffic, make_traffic, rules_json
from demo.traffic.player import Player
from demo.workers.worker_process import command_line
from tests.faults.case_results import CASE_RESULTS
from tests.faults.crew import Crew
from tests.faults.shape import Shape

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("crew", [pytest.param(Shape(rules=rules_json()), id=pytest.HIDDEN_PARAM)], indirect=True),
]

SEED = 21
EVENTS = 4_500
EVENTS_PER_SECOND = 150
KILL_EVERY_EVENTS = 1_500
ANSWER_TIMEOUT_SECONDS = 120
LEVEL_TIMEOUT_SECONDS = 30


@dataclass(slots=True)
class Killer:
    """Kills a worker whenever enough events were written, and starts it again at once, as a supervisor would."""

    crew: Crew
    written: int = 0
    kills: int = 0

    def advance(self, more: int) -> None:
        self.written += more
        if self.written % KILL_EVERY_EVENTS == 0:
            victim = self.crew.workers[self.kills % len(self.crew.workers)]
            victim.kill()
            victim.start()
            self.kills += 1


def play(crew: Crew, traffic: Traffic) -> tuple[CaseResult, int]:
    """The result, and how many workers were killed."""
    began, killer = time.monotonic(), Killer(crew)
    player = Player(crew.world.bootstrap_servers, crew.topics.source.name, crew.watch)
    player.play(traffic, EVENTS_PER_SECOND, killer.advance)
    crew.wait_until(lambda: not unanswered(crew, player), ANSWER_TIMEOUT_SECONDS, "every event has its answer")
    crew.wait_until(crew.offsets.is_level, LEVEL_TIMEOUT_SECONDS, "everything is committed")
    return case_result(crew, traffic, player, time.monotonic() - began), killer.kills


def unanswered(crew: Crew, player: Player) -> list[int]:
    return [number for number, place in player.places.items() if crew.watch.reason(place) is None]


def case_result(crew: Crew, traffic: Traffic, player: Player, seconds: float) -> CaseResult:
    pushes = crew.world.push_api.accepted
    accepted = {push.idempotency_key for push in pushes}
    return CaseResult(
        case="every worker is killed in turn",
        events=len(traffic.events),
        lost=tuple(map(str, unanswered(crew, player))),
        doubled=doubled(pushes),
        silenced=tuple(sorted(traffic.expected_pushes - accepted)),
        late=tuple(push.push.user_id for push in crew.world.push_api.late),
        wrong=tuple(crew.world.push_api.violations),
        echoes=sum(map(crew.watch.echoes, player.places.values())),
        gap_seconds=None,
        seconds=seconds,
    )


def test_nothing_is_broken_and_the_audit_agrees(crew: Crew, request: pytest.FixtureRequest) -> None:
    traffic = make_traffic(SEED, EVENTS)
    crew.world.teach_apis(traffic)

    result, kills = play(crew, traffic)

    request.config.stash[CASE_RESULTS].append(result)
    audit = command_line(["audit"], crew.environment)
    assert kills == EVENTS // KILL_EVERY_EVENTS
    assert result.failures == ()
    assert audit.returncode == 0, audit.stdout
