"""How far a phone was from the store it is about."""

import msgspec
import pytest

from saving_alerts.domain.events import Location
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.rules.distances import distance_m
from tests.support.sample_events import event

BERLIN = Location(52.52, 13.405, 35)
AT_THE_DOOR = Store("s-1", 52.5209, 13.405)
FAR_AWAY = Store("s-2", 48.137, 11.575)
MERCHANT = Merchant(merchant_id="m-1", names={}, stores=(FAR_AWAY, AT_THE_DOOR))


def metres(
    location: Location | None, store_id: str | None = "s-1", merchant: Merchant | None = MERCHANT
) -> float | None:
    return distance_m(msgspec.structs.replace(event(), location=location, store_id=store_id), merchant)


def test_it_is_the_distance_to_the_store_of_the_event() -> None:
    assert metres(BERLIN) == pytest.approx(100, rel=0.01)
    assert metres(BERLIN, "s-2") == pytest.approx(504_000, rel=0.01)


def test_an_event_without_a_store_is_as_near_as_the_nearest() -> None:
    assert metres(BERLIN, None) == metres(BERLIN, "s-1")


@pytest.mark.parametrize(
    ("location", "store_id", "merchant"),
    [
        pytest.param(None, "s-1", MERCHANT, id="no location"),
        pytest.param(BERLIN, "s-3", MERCHANT, id="an unknown store"),
        pytest.param(BERLIN, "s-1", None, id="an unknown merchant"),
        pytest.param(BERLIN, None, Merchant(merchant_id="m-1", names={}), id="no stores"),
    ],
)
def test_nobody_knows(location: Location | None, store_id: str | None, merchant: Merchant | None) -> None:
    assert metres(location, store_id, merchant) is None


@pytest.mark.parametrize(
    ("here", "there", "expected_m"),
    [
        pytest.param((0, 179.999), (0, -179.999), 222, id="across the date line"),
        pytest.param((90, 0), (90, 77), 0, id="at the pole"),
        pytest.param((0, 0), (0, 180), 20_015_087, id="the other side of the earth"),
    ],
)
def test_the_earth_is_round(here: tuple[float, float], there: tuple[float, float], expected_m: float) -> None:
    merchant = Merchant(merchant_id="m-1", names={}, stores=(Store("s-1", *there),))

    assert metres(Location(*here, 10), "s-1", merchant) == pytest.approx(expected_m, rel=0.01, abs=0.01)
