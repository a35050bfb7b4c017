"""All that workers have seen of a canary is added up; a guard breaks soon where it must, and never as foretold."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.canary.evidence import Evidence, broken, guards_of, together
from saving_alerts.domain.canary.order import CanaryOrder, Foretold
from tests.support.sample_canary import an_order

RUNS = 200
WORKERS = 3
EVENTS_PER_SECOND = 50  # 5 % of 1,000
HOUR = 3_600


def foretold(pushes: float) -> CanaryOrder:
    return msgspec.structs.replace(an_order(), foretold=Foretold(pushes=pushes))


def seen(random: Random, events: int, pushes: float) -> Evidence:
    """In one second, or in many, by one worker."""
    wanted = sum(random.random() < pushes for _ in range(events))
    return Evidence(evaluated=events, wanted=wanted, tried=wanted)


def seconds_until_broken(order: CanaryOrder, pushes: float, seed: int, most: int, dies_at: int | None = None) -> int:
    """Of three workers who tell each other every two seconds; one of them dies, and its last seconds are not told."""
    random, workers = Random(seed), [Evidence()] * WORKERS
    told = workers
    for second in range(1, most + 1):
        for number in range(WORKERS if dies_at is None or second < dies_at else WORKERS - 1):
            workers[number] = together((workers[number], seen(random, EVENTS_PER_SECOND // WORKERS, pushes)))
        if second % 2 == 0:
            told = [*workers[: WORKERS - 1], told[-1] if dies_at is not None and second >= dies_at else workers[-1]]
            if broken(order, together(told)) is not None:
                return second
    return most + 1


@pytest.mark.parametrize("pushes", [0.05, 0.1, 0.3])
def test_three_times_as_many_pushes_are_noticed_within_thirty_seconds_whoever_dies(pushes: float) -> None:
    slowest = max(seconds_until_broken(foretold(pushes), 3 * pushes, seed, 60, dies_at=5) for seed in range(RUNS))

    assert slowest <= 28  # and a record is read within two


def test_a_canary_as_foretold_is_never_taken_back() -> None:
    """Two hours of each of 200, with sums drawn at once every ten seconds."""
    for seed in range(RUNS):
        random, found = Random(seed), Evidence()
        for _ in range(2 * HOUR // 10):
            events = 10 * EVENTS_PER_SECOND
            wanted = _binomial(random, events, 0.1)
            refused, failed = _binomial(random, wanted, 0.03), _binomial(random, events, 0.001)
            out = int(random.random() < 0.2)
            opted = Evidence(opt_outs=out, opt_outs_tried=out * int(random.random() < 0.05))
            now = Evidence(evaluated=events, wanted=wanted, when_errors=failed, tried=wanted, refused=refused)
            found = together((found, now, opted))
            assert broken(an_order(), found) is None


def _binomial(random: Random, of: int, rate: float) -> int:
    """Close enough, and quick."""
    return min(of, max(0, round(random.gauss(of * rate, (of * rate * (1 - rate)) ** 0.5))))


BREAKS = {
    "pushes, too many": Evidence(evaluated=1_000, wanted=300),
    "pushes, too few": Evidence(evaluated=1_000, wanted=10),
    "when errors": Evidence(evaluated=10_000, wanted=1_000, when_errors=300),
    "push_refused": Evidence(evaluated=10_000, wanted=1_000, tried=1_000, refused=300),
    "opt-outs": Evidence(opt_outs=400, opt_outs_tried=80),
}


@pytest.mark.parametrize(("name", "found"), BREAKS.items(), ids=BREAKS)
def test_each_guard_names_itself(name: str, found: Evidence) -> None:
    said = broken(an_order(), found)

    assert said is not None
    assert said.startswith(f"{name}: ")
    assert [guard.name for guard in guards_of(an_order(), found)] == list(BREAKS)
    assert [guard.share for guard in guards_of(an_order(), found) if guard.name == name] == [1.0]


def test_without_evidence_nothing_is_broken() -> None:
    assert broken(an_order(), Evidence()) is None
    assert {guard.share for guard in guards_of(an_order(), Evidence())} == {0}


@pytest.mark.parametrize(
    "odd", [Evidence(wanted=1), Evidence(refused=5), Evidence(opt_outs_tried=2), Evidence(evaluated=1, when_errors=2)]
)
def test_what_nobody_can_have_seen_is_no_evidence(odd: Evidence) -> None:
    assert together((odd, Evidence(evaluated=3, wanted=2))) == Evidence(evaluated=3, wanted=2)


counts = st.integers(0, 10**6)
sound = st.builds(
    lambda events, wanted, tried, refused: Evidence(
        evaluated=max(events, wanted), wanted=wanted, tried=max(tried, refused), refused=refused
    ),
    counts,
    counts,
    counts,
    counts,
)


@given(st.lists(sound, max_size=6), st.randoms(use_true_random=False))
def test_who_has_counted_what_does_not_matter(each: list[Evidence], random: Random) -> None:
    mixed = random.sample(each, len(each))

    assert together(mixed) == together([together(each[:2]), together(each[2:])])
    assert broken(an_order(), together(mixed)) == broken(an_order(), together(each))


def test_of_older_releases_there_is_none() -> None:
    assert msgspec.json.decode(b"{}", type=Evidence) == Evidence()
    assert msgspec.json.encode(Evidence()) == b"{}"
