"""A failpoint is reached where it says, as often as it says, and is off otherwise."""

import subprocess
import sys

import pytest

from saving_alerts.domain.decisions import Stage
from saving_alerts.failpoints import BadFailpointError, Failpoint, Failpoints


def reached_after(text: str, *places: tuple[Failpoint, Stage | None]) -> int | None:
    """At which of the places it acts, from 1, or None."""
    acted: list[str] = []
    failpoints = Failpoints.read(text)
    failpoints.act = lambda: acted.append("now")
    for number, (failpoint, stage) in enumerate(places, start=1):
        failpoints.reach(failpoint, stage)
        if acted:
            return number
    return None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("", None, id="off"),
        pytest.param("after_reserve", None, id="another place"),
        pytest.param("after_publish", 1, id="any stage"),
        pytest.param("after_publish@dispatch_push", 3, id="one stage"),
        pytest.param("after_publish:2", 2, id="the second time"),
        pytest.param("after_publish@dispatch_push:2", 4, id="the second time at one stage"),
        pytest.param("after_publish:5", None, id="not often enough"),
    ],
)
def test_a_failpoint_acts_at_its_place(text: str, at: int | None) -> None:
    places = [
        (Failpoint.AFTER_PUBLISH, Stage.VALIDATE),
        (Failpoint.AFTER_PUBLISH, Stage.QUERY_COUPONS),
        (Failpoint.AFTER_PUBLISH, Stage.DISPATCH_PUSH),
        (Failpoint.AFTER_PUBLISH, Stage.DISPATCH_PUSH),
    ]

    assert reached_after(text, *places) == at


@pytest.mark.parametrize("text", ["nowhere", "after_read@nowhere", "after_read:often"])
def test_a_text_that_names_no_failpoint_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(BadFailpointError, match="after_reserve"):
        Failpoints.read(text)


def test_a_process_at_its_failpoint_is_killed() -> None:
    code = (
        "from saving_alerts.failpoints import Failpoint, Failpoints\n"
        "Failpoints.read('after_read').reach(Failpoint.AFTER_READ)\n"
        "print('still here')"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert (ended.returncode, ended.stdout) == (-9, b"")
