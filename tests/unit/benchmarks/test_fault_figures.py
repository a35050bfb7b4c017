"""What `benchmarks.faults` calls a gap."""

import pytest

from benchmarks.faults.figures import Figures, Gap, Push, longest_gap
from benchmarks.faults.plan import Fault, Planned

PLAN = (Planned(2, Fault.KILL_FIRST, "first"), Planned(3, Fault.PAUSE_FIRST), Planned(6, Fault.KILL_SECOND, "second"))


def pushes(partition: int, *times: float) -> list[Push]:
    return [Push(partition, time - 0.5, time) for time in times]


def figures() -> Figures:
    """Partition 0 is pushed at 1, 2, … and 10; partition 1 stands still from 2 to 5 and from 7 to 9."""
    return Figures([*pushes(0, *range(1, 11)), *pushes(1, 1, 2, 5, 6, 7, 9)], 0, 0, 10)


@pytest.mark.parametrize(
    ("times", "gap"),
    [
        ([1, 2, 3], Gap(3, 10)),
        ([4, 9], Gap(4, 9)),
        ([7, 9, 8], Gap(0, 7)),
        ([], Gap(0, 10)),
        ([-5, 5, 20], Gap(0, 5)),
    ],
)
def test_the_longest_gap_is_between_pushes_or_to_the_ends(times: list[float], gap: Gap) -> None:
    assert longest_gap(times, 0, 10) == gap


def test_a_partition_can_stand_still_while_others_do_not() -> None:
    assert (figures().gap().seconds, figures().partition_gap()) == (1, Gap(2, 5))


def test_a_fault_is_felt_from_its_begin_to_the_next_one_with_a_name() -> None:
    assert figures().felt(PLAN) == {"first": Gap(2, 5), "second": Gap(7, 9)}


def test_who_was_not_pushed_is_lost_and_counts_for_no_latency() -> None:
    lost = Figures([*pushes(0, 1, 2), Push(0, 1, None)], 0, 0, 3)

    assert (lost.lost, lost.latency(0.5), lost.latency(0.99)) == (1, 0.5, 0.5)
