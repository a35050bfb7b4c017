"""No push is for a store that is closed by its own clock, whatever the hours, the zone, the day of the year."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.rules.quiet_hours import known_zones
from saving_alerts.domain.rules.store_hours import open_until, opening_of
from tests.support.store_clock import CLOCKS, DAYS, is_open, random_opening

MINUTE = timedelta(minutes=1)
# Half-hour and midnight changes, zones without any, the first and the last clock of the day, and a Ramadan.
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"),
    *("Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Cairo", "Asia/Beirut", "America/Havana"),
)
YEAR = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]

clocks = st.sampled_from(CLOCKS)
spans = st.tuples(clocks, clocks | st.just("24:00")).filter(lambda span: span[0] != span[1]).map("-".join)
days = st.lists(spans, max_size=3).map(lambda each: ",".join(each) or "off")
weeks = st.tuples(*[days] * 7).map(
    lambda each: "; ".join(f"{day} {hours}" for day, hours in zip(DAYS, each, strict=True))
)
closed = st.lists(st.sampled_from([str(day) for day in YEAR]), max_size=30).map(tuple)
openings = st.builds(Opening, timezone=st.sampled_from(sorted(known_zones())), hours=weeks, closed_days=closed)
moments = st.datetimes(datetime(2026, 1, 2), datetime(2026, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone


def moments_of_a_year(random: Random) -> Iterator[datetime]:
    for day in YEAR:
        for _ in range(3):
            yield datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=random.randrange(1440))


@pytest.mark.parametrize("zone", ZONES)
def test_in_a_whole_year_it_is_never_said_to_be_open_while_the_clock_on_its_wall_says_closed(zone: str) -> None:
    random, seen = Random(zone), Counter[bool]()
    for moment in moments_of_a_year(random):
        opening = random_opening(random, zone)
        until = open_until(opening, moment)
        seen[until is not None] += 1
        if until is not None:
            asked = [moment, until - MINUTE, *(moment + random.random() * (until - moment) for _ in range(8))]
            assert [each for each in asked if each < until and not is_open(opening, each)] == []

    assert min(seen.values()) > 200


@given(opening=openings, moment=moments)
@settings(deadline=None, max_examples=300)
def test_every_minute_until_it_closes_is_open_by_the_clock_on_its_wall(opening: Opening, moment: datetime) -> None:
    until = open_until(opening, moment) or moment
    asked = [moment + number * MINUTE for number in range(0, 36 * 60, 5)]

    assert [each for each in asked if each < until and not is_open(opening, each)] == []


@given(opening=openings, moment=moments)
@settings(deadline=None, max_examples=300)
def test_it_is_said_to_be_open_wherever_no_clock_is_turned(opening: Opening, moment: datetime) -> None:
    still = Opening(timezone="Etc/GMT-5", hours=opening.hours, closed_days=opening.closed_days)

    assert (open_until(still, moment) is not None) is is_open(still, moment)


BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "now", "closes"),
    [
        pytest.param("Mo-Fr 09:00-20:00", "2026-11-23T08:59:59+01:00", None, id="just before it opens"),
        pytest.param("Mo-Fr 09:00-20:00", "2026-11-23T09:00+01:00", "2026-11-23T20:00+01:00", id="it opens"),
        pytest.param("Mo-Fr 09:00-20:00", "2026-11-23T20:00+01:00", None, id="it closes"),
        pytest.param("Mo-Fr 09:00-20:00", "2026-11-28T12:00+01:00", None, id="no day of its"),
        pytest.param("Mo 09:00-12:00, 14:00-20:00", "2026-11-23T12:30+01:00", None, id="its noon"),
        pytest.param("Mo 09:00-12:00,14:00-20:00", "2026-11-23T14:30+01:00", "2026-11-23T20:00+01:00", id="afternoon"),
        pytest.param("Sa 20:00-03:00", "2026-11-29T02:00+01:00", "2026-11-29T03:00+01:00", id="over midnight"),
        pytest.param("Sa 20:00-24:00; Su 00:00-04:00", "2026-11-28T23:00+01:00", "2026-11-29T04:00+01:00", id="joined"),
        pytest.param("Fr-Mo 10:00-12:00", "2026-11-29T11:00+01:00", "2026-11-29T12:00+01:00", id="over Sunday"),
        pytest.param("Mo-Su 10:00-12:00; Su off", "2026-11-29T11:00+01:00", None, id="a later part counts"),
        pytest.param("Th 20:00-03:00", "2026-12-24T23:00+01:00", "2026-12-25T00:00+01:00", id="into a closed day"),
        pytest.param("Th-Fr 20:00-03:00", "2026-12-25T23:00+01:00", None, id="a closed day"),
        pytest.param("Th-Fr 20:00-03:00", "2026-12-26T01:00+01:00", None, id="what would have begun on a closed day"),
        pytest.param("Su 01:00-02:30", "2026-10-25T02:20+02:00", "2026-10-25T02:30+02:00", id="the first 02:30"),
        pytest.param("Su 01:00-02:30", "2026-10-25T02:20+01:00", None, id="not the second 02:20"),
        pytest.param("Su 02:30-05:00", "2026-10-25T02:40+02:00", None, id="in doubt not the first 02:40"),
        pytest.param("Su 02:30-05:00", "2026-10-25T02:40+01:00", "2026-10-25T05:00+01:00", id="the second 02:40"),
        pytest.param("Su 01:00-02:30", "2026-03-29T01:20+01:00", "2026-03-29T01:30+01:00", id="in doubt earlier"),
        pytest.param("Su 02:30-05:00", "2026-03-29T03:10+02:00", None, id="in doubt later"),
        pytest.param("Su 00:00-06:00", "2026-10-25T01:00+02:00", "2026-10-25T06:00+01:00", id="an hour longer"),
    ],
)
def test_when_it_closes(hours: str, now: str, closes: str | None) -> None:
    opening = Opening(timezone=BERLIN, hours=hours, closed_days=("2026-12-25",))

    assert open_until(opening, at(now)) == (None if closes is None else at(closes))


def test_a_store_that_never_closes_is_open_for_two_days_at_least_when_the_clock_is_turned_too() -> None:
    for zone in ZONES:
        for day in YEAR:
            moment = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
            until = open_until(Opening(timezone=zone, hours="24/7"), moment)
            assert until is not None
            assert until - moment > timedelta(hours=47)


@pytest.mark.parametrize("hours", ["Mon-Fri 9-5", "Mo-Fr 9:00-17:00", "09:00-17:00", "", "Mo 09:00-09:00", "PH off"])
def test_a_text_that_nobody_can_read_is_closed(hours: str) -> None:
    assert open_until(Opening(timezone=BERLIN, hours=hours), at("2026-11-23T12:00+01:00")) is None


@given(st.text(max_size=40), st.text(max_size=60), st.lists(st.text(max_size=10), max_size=3).map(tuple), moments)
def test_nothing_that_stands_in_a_directory_raises(
    zone: str, hours: str, days_off: tuple[str, ...], moment: datetime
) -> None:
    assert open_until(Opening(timezone=zone, hours=hours, closed_days=days_off), moment) is None


def merchant(*stores: Store, opening: Opening | None = None) -> Merchant:
    return Merchant(merchant_id="m-1", names={}, stores=stores, opening=opening)


GENERAL = Opening(timezone=BERLIN, hours="Mo 09:00-20:00", closed_days=("2026-12-25",))


def test_what_a_store_does_not_say_is_as_at_its_merchant_and_closed_days_add_up() -> None:
    own = Opening(hours="Tu 10:00-12:00", closed_days=("2026-12-31",))

    found = opening_of(merchant(Store("s-1", 0, 0, own), opening=GENERAL), "s-1")

    assert found == Opening(timezone=BERLIN, hours="Tu 10:00-12:00", closed_days=("2026-12-31", "2026-12-25"))


@pytest.mark.parametrize(
    ("shop", "store_id"),
    [
        pytest.param(None, "s-1", id="no merchant"),
        pytest.param(merchant(opening=GENERAL), "s-1", id="no stores"),
        pytest.param(merchant(Store("s-1", 0, 0), opening=GENERAL), "s-2", id="another store"),
        pytest.param(merchant(Store("s-1", 0, 0), Store("s-2", 0, 0), opening=GENERAL), None, id="one of several"),
        pytest.param(merchant(Store("s-1", 0, 0)), "s-1", id="no hours"),
        pytest.param(merchant(Store("s-1", 0, 0, Opening(hours="24/7"))), "s-1", id="no zone"),
    ],
)
def test_of_some_stores_nobody_knows_when_they_are_open(shop: Merchant | None, store_id: str | None) -> None:
    assert opening_of(shop, store_id) is None


def test_an_event_without_a_store_is_at_the_only_one() -> None:
    assert opening_of(merchant(Store("s-1", 0, 0), opening=GENERAL), None) == GENERAL
