"""Where a phone was leaves no stage: distance and accuracy travel on, and the rules decide as before."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.events import Location, ValidatedEvent
from saving_alerts.domain.merchants import Store
from saving_alerts.domain.rules.distances import distance_m
from saving_alerts.kafka.codecs import encode
from saving_alerts.pipeline.outcomes import Forward
from saving_alerts.pipeline.steps import context_of, evaluate_rules, query_coupons, validate
from saving_alerts.reference_data.snapshot import Merchants, Snapshot
from tests.support import sample_events
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.coupon_source import FakeCouponSource
from tests.support.sample_events import coupon, encoded, event, snapshot, source_record, validated

COORDINATES = re.compile(rb"latitude|longitude")
MERCHANT = msgspec.structs.replace(sample_events.MERCHANT, stores=(Store("s-1", 52.52, 13.405),))
locations = st.builds(Location, st.floats(52.51, 52.53), st.floats(13.40, 13.41), st.floats(0, 500))


def near() -> Snapshot:
    return Snapshot(snapshot().rules, Merchants("merchants-1", {"m-1": MERCHANT}))


@given(location=locations)
def test_no_stage_writes_coordinates(location: Location) -> None:
    there = msgspec.structs.replace(event(), location=location)

    first = validate(source_record(encoded(there)), near(), START)

    assert isinstance(first, Forward)
    assert COORDINATES.search(encode(first.value)) is None
    assert first.value.distance_m == distance_m(there, MERCHANT)
    assert first.value.accuracy_m == location.accuracy_m


@pytest.mark.asyncio
async def test_those_of_older_releases_lose_them_at_the_next_stage() -> None:
    there = msgspec.structs.replace(event(), location=Location(52.5201, 13.4051, 35))
    old = validated(there)
    clock = FakeClock()
    source = FakeCouponSource(clock)
    source.gives("u-1", "m-1", coupon())

    outcome = await query_coupons(old, near(), (), source, clock)

    assert isinstance(outcome, Forward)
    assert COORDINATES.search(encode(outcome.value.validated)) is None
    assert outcome.value.distance_m == distance_m(there, MERCHANT)
    assert isinstance(evaluate_rules(outcome.value, near(), START), Forward)


def test_a_candidate_of_the_first_release_is_as_far_from_the_store_as_it_was() -> None:
    there = msgspec.structs.replace(event(), location=Location(52.5201, 13.4051, 35))
    written = encode(Candidate(validated=validated(there), coupons=(coupon(),)))
    read = msgspec.json.decode(written, type=Candidate)

    context = context_of(read, near(), START)

    assert context.distance_m == distance_m(there, MERCHANT)
    assert (context.accuracy_m, context.event.location) == (35, None)


def test_what_was_written_before_distances_travelled_is_read() -> None:
    document = msgspec.to_builtins(validated())
    del document["distance_m"], document["accuracy_m"]

    assert msgspec.convert(document, ValidatedEvent, strict=False).distance_m is None
