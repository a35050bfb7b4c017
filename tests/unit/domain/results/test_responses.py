"""What shoppers do, out of everything that stands on the source."""

from datetime import timedelta

import pytest

from saving_alerts.domain.results.responses import Kind, response_in
from tests.support.fakes.clock import START
from tests.support.sample_results import MINUTE, position, shoppers_event

LATEST = START + timedelta(minutes=10)


def test_a_redeemed_coupon_says_which_and_which_push() -> None:
    raw = shoppers_event("coupon_redeemed", coupon_id="c-9", decision_id="d-9")

    found = response_in(raw, position(4), LATEST)

    assert found is not None
    assert (found.kind, found.coupon_id, found.decision_id) == (Kind.REDEEMED, "c-9", "d-9")
    assert (found.user_id, found.merchant_id, found.position) == ("u-1", "m-1", position(4))


def test_it_happened_when_the_phone_says_unless_the_phone_is_ahead() -> None:
    earlier = shoppers_event("push_opened", at=START + MINUTE, occurred_at="2026-11-23T10:15:30Z")
    ahead = shoppers_event("push_opened", at=START + MINUTE, occurred_at="2026-11-23T10:17:00Z")

    found = [response_in(raw, position(1), LATEST) for raw in (earlier, ahead)]

    assert [each and each.happened_at for each in found] == [START + MINUTE / 2, START + MINUTE]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (None, "a tombstone"),
        (b"push_opened", "no JSON"),
        (shoppers_event("offer_viewed", decision_id="push_opened"), "another type"),
        (shoppers_event("push_opened", user_id=" "), "nobody"),
        (shoppers_event("push_opened", at=LATEST + MINUTE), "dated ahead"),
        (b'["coupon_redeemed"]' + b"[" * 5_000, "brackets"),
    ],
)
def test_everything_else_is_none(raw: bytes | None, what: str) -> None:
    assert response_in(raw, position(1), LATEST) is None, what


@pytest.mark.parametrize("odd", [None, 7, "", "x" * 129, ["c-1"], {"id": 1}], ids=str)
def test_odd_ids_are_none_and_refuse_no_event(odd: object) -> None:
    found = response_in(shoppers_event("push_opened", coupon_id=odd, decision_id=odd), position(1), LATEST)

    assert found is not None
    assert (found.coupon_id, found.decision_id) == (None, None)
