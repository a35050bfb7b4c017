"""How long an event waited and was in work travels with it, and what others wrote there is never believed too far."""

from datetime import timedelta

import pytest

from saving_alerts.delivery.timeline import HEADER, continued, header_of, timeline_of
from saving_alerts.domain.decisions import Stage, StageTimes
from tests.support.fakes.clock import START

BEFORE = (StageTimes(Stage.VALIDATE, 0, 3),)


def test_a_stage_adds_itself_and_the_next_one_reads_it() -> None:
    begun, ended = START + timedelta(milliseconds=12), START + timedelta(milliseconds=222)

    found = continued(BEFORE, Stage.QUERY_COUPONS, START, begun, ended)

    assert found == (*BEFORE, StageTimes(Stage.QUERY_COUPONS, 12, 222))
    assert timeline_of([("schema", b"1"), header_of(found)]) == found
    assert header_of(found)[1] == b'[["validate",0,3],["query_coupons",12,222]]'


def test_an_event_that_comes_again_has_each_stage_once() -> None:
    found = continued(BEFORE, Stage.VALIDATE, START, START, START + timedelta(milliseconds=5))

    assert found == (StageTimes(Stage.VALIDATE, 0, 5),)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff",
        b"{}",
        b"[1]",
        b'[["validate",0]]',
        b'[["validate","a","b"]]',
        b"[" * 400,
        b'[["x",0,0],["x",0,0],["x",0,0],["x",0,0]]',
        b'[["validate",0,0]]' + b" " * 512,
    ],
)
def test_what_is_none_of_ours_is_no_timeline(value: bytes | None) -> None:
    assert timeline_of([(HEADER, value)]) == ()
