"""Two sets of rules: the canary's counts while all of it is there, and what is known stays while S3 does not answer."""

import json
import logging
from dataclasses import replace

import msgspec
import pytest

from saving_alerts.domain.canary.order import CanaryOrder, Ended
from saving_alerts.domain.canary.split import is_in_canary
from saving_alerts.domain.rules_file.compiler import read_rules, version_of
from saving_alerts.ports.errors import RefusedError, UnavailableError
from saving_alerts.reference_data.canary_loader import CanaryLoader
from saving_alerts.reference_data.snapshot import Merchants, ReferenceData
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.loaders import POLICY
from tests.support.sample_canary import HOURS, an_order

pytestmark = pytest.mark.asyncio
KEY = "rules/canary.json"
OUTAGE = UnavailableError("S3 does not answer")


def a_file(rule_id: str) -> bytes:
    message = {"fallback": "en", "texts": {"en": {"title": "Hello", "body": "$coupon"}}}
    rule = {"id": rule_id, "event_types": ["geofence_entered"], "message": message}
    return json.dumps({"caps": [{"per": "user", "pushes": 1, "hours": 24}], "rules": [rule]}).encode()


STABLE, NEW, NEWER = a_file("stable"), a_file("new"), a_file("newer")
ORDER = an_order(version_of(NEW), version_of(STABLE), percent=20)
USERS = [f"u-{number}" for number in range(200)]
TRIED = {user for user in USERS if is_in_canary(20, ORDER.version, user)}


class Harness:
    """A worker's reference data: rules that are live, and a bucket with an order and its version."""

    def __init__(self) -> None:
        self.store = FakeObjectStore()
        self.clock = FakeClock()
        self.taken_back: set[str] = set()
        self.data = ReferenceData(taken_back=self.taken_back.__contains__)
        self.data.replace_rules(read_rules(STABLE), START)
        self.data.replace_merchants(Merchants("merchants-1", {}), START)
        self.loader = CanaryLoader(self.store, POLICY, self.data, self.clock)

    def order(self, order: CanaryOrder, body: bytes = NEW) -> None:
        self.store.objects = {KEY: msgspec.json.encode(order), f"rules/{order.version}.json": body}

    def rules_of(self, user: str) -> str:
        return self.data.current.of(user, self.clock.now()).rules.rules[0].id

    @property
    def with_new_rules(self) -> set[str]:
        return {user for user in USERS if self.rules_of(user) == "new"}


@pytest.fixture
def harness(caplog: pytest.LogCaptureFixture) -> Harness:
    caplog.set_level(logging.INFO)
    return Harness()


def ended(how: str) -> CanaryOrder:
    written = {"how": how, "by": "tom", "note": "enough", "at": START.isoformat()}
    return msgspec.structs.replace(ORDER, ended=msgspec.convert(written, Ended))


async def test_without_an_order_everybody_has_the_rules(harness: Harness) -> None:
    assert await harness.loader.reload()

    assert harness.with_new_rules == set()
    assert (harness.data.order, harness.data.canary_problem) == (None, None)


async def test_the_users_who_are_drawn_have_the_canarys_rules_and_their_sets_are_named(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.order(ORDER)

    assert await harness.loader.reload()

    assert harness.with_new_rules == TRIED
    assert {harness.data.current.of(user, START).canary for user in TRIED} == {ORDER.id}
    assert {harness.data.current.of(user, START).canary for user in set(USERS) - TRIED} == {None}
    assert harness.data.rules_version(START) == version_of(STABLE)
    assert f"canary {ORDER.id} on 20 % of the users" in caplog.text


async def test_what_did_not_change_is_not_read_again(harness: Harness) -> None:
    harness.order(ORDER)
    await harness.loader.reload()

    await harness.loader.reload()

    assert harness.store.bodies_read == [KEY, f"rules/{ORDER.version}.json"]
    assert harness.with_new_rules == TRIED


async def test_taken_back_everybody_has_the_other_rules_at_once_and_without_s3(harness: Harness) -> None:
    harness.order(ORDER)
    await harness.loader.reload()
    harness.store.failure = OUTAGE

    harness.taken_back.add(ORDER.id)
    assert harness.with_new_rules == set()
    harness.clock.advance(2 * HOURS)

    assert harness.with_new_rules == set()
    assert harness.data.order == ORDER


@pytest.mark.parametrize("s3_answers", [True, False])
async def test_when_its_time_is_over_it_is_everybodys_whether_s3_answers_or_not(
    harness: Harness, *, s3_answers: bool
) -> None:
    harness.order(ORDER)
    await harness.loader.reload()
    harness.store.failure = None if s3_answers else OUTAGE
    harness.clock.advance(HOURS)

    assert await harness.loader.reload() is s3_answers

    assert harness.with_new_rules == set(USERS)
    assert harness.data.rules_version(harness.clock.now()) == ORDER.version


async def test_promoted_it_is_everybodys_before_and_after_it_is_written_down(harness: Harness) -> None:
    harness.order(ended("promoted"))
    await harness.loader.reload()
    before = harness.with_new_rules

    harness.data.replace_rules(read_rules(NEW), START)
    await harness.loader.reload()

    assert before == harness.with_new_rules == set(USERS)
    assert harness.data.current.of("u-1", START).canary is None


@pytest.mark.parametrize(
    "order",
    [
        ended("aborted"),
        msgspec.structs.replace(ORDER, instead_of="0" * 12),
        msgspec.structs.replace(ended("promoted"), closed=True),
    ],
    ids=["aborted", "of other rules than are live", "closed"],
)
async def test_an_order_that_does_not_count_is_nobodys_ever(harness: Harness, order: CanaryOrder) -> None:
    harness.order(order)
    await harness.loader.reload()
    before = harness.with_new_rules
    harness.clock.advance(2 * HOURS)
    await harness.loader.reload()

    assert before == harness.with_new_rules == set()
    assert harness.store.bodies_read == [KEY]


async def test_rules_that_somebody_published_meanwhile_end_it(harness: Harness) -> None:
    harness.order(ORDER)
    await harness.loader.reload()

    harness.data.replace_rules(read_rules(NEWER), START)

    assert {harness.rules_of(user) for user in USERS} == {"newer"}


async def test_new_merchants_change_nothing_about_it(harness: Harness) -> None:
    harness.order(ORDER)
    await harness.loader.reload()

    harness.data.replace_merchants(Merchants("merchants-2", {}), START)

    assert harness.with_new_rules == TRIED
    assert {harness.data.current.of(user, START).merchants.version for user in USERS} == {"merchants-2"}


ODD_FILES = {
    "no rules": (b"{}", "is not used: "),
    "of another version": (NEWER, f"what stands there as {ORDER.version} is {version_of(NEWER)}"),
}


@pytest.mark.parametrize(("body", "problem"), ODD_FILES.values(), ids=ODD_FILES)
async def test_rules_that_cannot_be_used_are_nobodys_and_why_is_said(
    harness: Harness, body: bytes, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    order = ORDER if body == NEWER else an_order(version_of(body), version_of(STABLE))
    harness.order(order, body)

    assert await harness.loader.reload()

    assert harness.with_new_rules == set()
    assert problem in (harness.data.canary_problem or "")
    assert "everybody has the other rules" in caplog.text


async def test_a_version_that_is_not_there_yet_is_looked_for_again(harness: Harness) -> None:
    harness.store.objects = {KEY: msgspec.json.encode(ORDER)}
    await harness.loader.reload()
    before, problem = harness.with_new_rules, harness.data.canary_problem
    harness.order(ORDER)

    await harness.loader.reload()

    assert (before, harness.with_new_rules) == (set(), TRIED)
    assert problem == f"{ORDER.id} is not used: there is no rules/{ORDER.version}.json"
    assert harness.data.canary_problem is None


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff" * 100, b"{" * 10_000], ids=range(5))
async def test_an_order_that_cannot_be_read_is_nobodys_and_ends_no_worker(harness: Harness, raw: bytes) -> None:
    harness.store.objects = {KEY: raw}

    assert await harness.loader.reload()

    assert harness.with_new_rules == set()
    assert (harness.data.canary_problem or "").startswith(f"{KEY} is not used, because it cannot be read: ")


async def test_while_s3_is_down_what_is_known_stays_and_is_said_once(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.order(ORDER)
    await harness.loader.reload()
    harness.store.failure = OUTAGE

    assert [await harness.loader.reload() for _ in range(3)] == [False] * 3

    assert harness.with_new_rules == TRIED
    assert caplog.text.count("S3 does not answer") == 1
    harness.store.failure = None
    assert await harness.loader.reload()
    assert harness.data.canary_problem is None


async def test_a_worker_that_starts_in_the_middle_waits_until_it_knows(harness: Harness) -> None:
    harness.order(ORDER)
    harness.store.failure = OUTAGE

    class Clock(FakeClock):
        async def sleep(self, duration: object) -> None:
            harness.store.failure = None

    loader = CanaryLoader(harness.store, POLICY, harness.data, Clock())
    await loader.wait_until_known(1)

    assert harness.with_new_rules == TRIED


async def test_a_worker_that_is_refused_it_does_not_wait(harness: Harness) -> None:
    harness.store.failure = RefusedError("s3://b/rules/canary.json: 5000000 bytes")

    await harness.loader.wait_until_known(1)

    assert harness.data.canary_problem == "not as of now: s3://b/rules/canary.json: 5000000 bytes"


async def test_who_may_not_list_the_bucket_hears_403_before_the_first_canary(harness: Harness) -> None:
    harness.store.failure = RefusedError("s3://b/rules/canary.json: 403", 403)
    await harness.loader.wait_until_known(1)
    before = harness.data.canary_problem
    harness.store.failure = None
    harness.order(ORDER)
    await harness.loader.reload()
    harness.store.failure = RefusedError("s3://b/rules/canary.json: 403", 403)

    await harness.loader.reload()

    assert before is None
    assert harness.with_new_rules == TRIED
    assert harness.data.canary_problem == "not as of now: s3://b/rules/canary.json: 403"


async def test_with_four_eyes_nobody_elses_rules_are_tried(harness: Harness) -> None:
    policy = replace(POLICY, rules_need_approval=True)
    harness.order(ORDER)

    await CanaryLoader(harness.store, policy, harness.data, harness.clock).reload()

    assert harness.with_new_rules == set()
    assert "nobody has approved it" in (harness.data.canary_problem or "")
