"""What is not known is never taken for a yes, and who waits for it waits until the deadline at most."""

import asyncio
from datetime import timedelta

import pytest

from saving_alerts.adapters.known_consent import ConsentTerms, KnownConsent
from saving_alerts.domain.consent import Origin
from saving_alerts.kafka.client import partition_of
from saving_alerts.ports.consent import NotKnown, OptedOut
from saving_alerts.worker.clock import SystemClock

pytestmark = pytest.mark.asyncio

AMONG = 4
TERMS = ConsentTerms("saving-consent", "saving-alerts.consent", stale_seconds=30, most_opt_outs=100)
USER, KEY = "u-1", b"u-1"
NUMBER = partition_of(KEY, AMONG)
SOON, LATER = timedelta(milliseconds=50), timedelta(minutes=1)


class Stopwatch:
    """`seconds` is what it shows."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def known(stopwatch: Stopwatch) -> KnownConsent:
    known = KnownConsent(TERMS, SystemClock(), stopwatch)
    known.among = AMONG
    return known


def opt_out(known: KnownConsent) -> None:
    known.partitions[NUMBER].opt_outs.apply(KEY, b"", Origin(2, 7, 0, AMONG).written)


async def test_a_partition_that_is_not_followed_is_not_known(known: KnownConsent) -> None:
    assert known.against(USER) == NotKnown(f"saving-alerts.consent {NUMBER}: waits until it is read")


async def test_nothing_is_known_before_the_number_of_partitions_is(stopwatch: Stopwatch) -> None:
    assert isinstance(KnownConsent(TERMS, SystemClock(), stopwatch).against(USER), NotKnown)


async def test_a_partition_that_was_not_read_to_its_end_is_not_known(known: KnownConsent) -> None:
    known.follow([NUMBER])
    known.waits_for = "saving-consent is re-keyed: partition 3 is at 5 of 9"

    assert isinstance(known.against(USER), NotKnown)
    assert known.report().unread == (NUMBER,)
    assert "partition 3 is at 5 of 9" in str(known.against(USER))


async def test_what_is_known_says_who_has_opted_out(known: KnownConsent, stopwatch: Stopwatch) -> None:
    known.follow([NUMBER])
    known.obeyed(known.partitions, stopwatch.seconds)
    before = known.against(USER)
    opt_out(known)

    assert before is None
    assert known.against(USER) == OptedOut("opted out at 1970-01-01 00:00:00 by 2/7 (saving-consent)")
    assert (known.report().opt_outs, known.report().unknown) == (1, ())


async def test_what_was_known_too_long_ago_is_not_known_any_more(known: KnownConsent, stopwatch: Stopwatch) -> None:
    known.follow([NUMBER])
    known.obeyed(known.partitions, stopwatch.seconds)
    stopwatch.seconds += TERMS.stale_seconds
    at_the_limit = known.against(USER)
    stopwatch.seconds += 0.001
    known.problems["followed"] = "Kafka does not answer"

    assert at_the_limit is None
    assert known.against(USER) == NotKnown(f"saving-alerts.consent {NUMBER}: Kafka does not answer")
    assert (known.report().unread, known.report().unknown) == ((), (NUMBER,))


async def test_what_stays_with_the_worker_stays_known_and_what_goes_is_forgotten(
    known: KnownConsent, stopwatch: Stopwatch
) -> None:
    other = (NUMBER + 1) % AMONG
    known.follow([NUMBER, other])
    known.obeyed(known.partitions, stopwatch.seconds)
    opt_out(known)
    known.follow([NUMBER])
    stayed = known.against(USER)
    known.follow([other])
    known.follow([NUMBER, other])

    assert isinstance(stayed, OptedOut)
    assert isinstance(known.against(USER), NotKnown)


async def test_a_look_says_nothing_of_partitions_that_have_gone_and_come_back(
    known: KnownConsent, stopwatch: Stopwatch
) -> None:
    known.follow([NUMBER])
    looked_at = dict(known.partitions)
    known.follow([])
    known.follow([NUMBER])

    known.obeyed(looked_at, stopwatch.seconds)

    assert isinstance(known.against(USER), NotKnown)


async def test_a_partition_that_came_a_moment_ago_is_reported_unread(known: KnownConsent) -> None:
    assert known.report(owned=[NUMBER]).unread == (NUMBER,)


async def test_who_waits_goes_on_when_it_is_known(known: KnownConsent, stopwatch: Stopwatch) -> None:
    known.follow([NUMBER])
    waiting = asyncio.ensure_future(known.wait_until_known(USER, SystemClock().now() + LATER))
    await asyncio.sleep(0)
    assert not waiting.done()

    known.obeyed(known.partitions, stopwatch.seconds)

    async with asyncio.timeout(5):
        await waiting
    assert known.against(USER) is None


async def test_who_waits_goes_on_at_the_deadline(known: KnownConsent) -> None:
    async with asyncio.timeout(5):
        await known.wait_until_known(USER, SystemClock().now() + SOON)

    assert isinstance(known.against(USER), NotKnown)
