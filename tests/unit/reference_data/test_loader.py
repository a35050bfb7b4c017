"""Good documents are replaced whole; when the object store fails the last good ones stay, and the failure is logged."""

import asyncio
import hashlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.metrics import Metric
from saving_alerts.ports.accepted_directory import AcceptedDirectory
from saving_alerts.ports.errors import PortError, RefusedError, UnavailableError
from saving_alerts.ports.object_store import MAX_LINE_BYTES
from saving_alerts.reference_data.loader import LINES_BETWEEN_PAUSES, ReferenceDataLoader, ReloadOutcome
from saving_alerts.reference_data.merchants_file import MerchantsFileReader, MerchantsLimits
from saving_alerts.reference_data.snapshot import Merchants, ReferenceData
from tests.support.fakes.accepted_directory import FakeAcceptedDirectories
from tests.support.fakes.clock import START, FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.loaders import POLICY as LOADER_POLICY
from tests.support.loaders import a_guard, a_loader

pytestmark = pytest.mark.asyncio

RULES, MERCHANTS = "rules.json", "merchants.jsonl"
POLICY = replace(LOADER_POLICY, max_rules_bytes=4096)
MINUTE = timedelta(minutes=1)
SECONDS = 5
OUTAGE = UnavailableError("S3 does not answer")


def rules_file(rule_id: str = "at-the-store") -> bytes:
    message = {"fallback": "en", "texts": {"en": {"title": "Hello", "body": "$coupon"}}}
    rule = {"id": rule_id, "event_types": ["geofence_entered"], "message": message}
    return json.dumps({"caps": [{"per": "user", "pushes": 1, "hours": 24}], "rules": [rule]}).encode()


def merchant_line(number: int, **fields: object) -> bytes:
    return json.dumps({"merchant_id": f"m-{number}", "names": {"en": f"Shop {number}"}} | fields).encode() + b"\n"


BROKEN_RULES = b'{"caps": [], "rules": [{"id": "Not An Id"}], "colour": "red"}'
MISTAKES = ("$.caps", "$.rules[0].id", "$.rules[0].event_types", "$.rules[0].message", "$.colour")


class EventfulClock(FakeClock):
    """Each sleep runs the next of `events`."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Callable[[], None]] = []

    async def sleep(self, duration: timedelta) -> None:
        await super().sleep(duration)
        self.events.pop(0)()


class Harness:
    """A loader with fakes."""

    def __init__(self) -> None:
        self.store = FakeObjectStore()
        self.clock = EventfulClock()
        self.metrics = RecordingMetrics()
        self.data = ReferenceData()
        self.directories = FakeAcceptedDirectories(AcceptedDirectory(version="0123456789ab", merchants=1))
        self.loader = ReferenceDataLoader(
            self.store, a_guard(self.directories), POLICY, self.data, self.clock, self.metrics
        )

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        reloads = Metric.REFERENCE_DATA_RELOADS
        return list(zip(self.metrics.tags(reloads, "kind"), self.metrics.tags(reloads, "outcome"), strict=True))

    async def load(self, rules: bytes, merchants: bytes) -> tuple[ReloadOutcome, ReloadOutcome]:
        self.store.objects = {RULES: rules, MERCHANTS: merchants}
        return await self.loader.reload_rules(), await self.loader.reload_merchants()


@pytest.fixture
def harness(caplog: pytest.LogCaptureFixture) -> Harness:
    caplog.set_level(logging.INFO)
    return Harness()


async def test_both_documents_are_loaded(harness: Harness) -> None:
    outcomes = await harness.load(rules_file(), merchant_line(1))

    assert outcomes == (ReloadOutcome.LOADED, ReloadOutcome.LOADED)
    assert [rule.id for rule in harness.data.current.rules.rules] == ["at-the-store"]
    assert harness.data.current.merchants.by_id == {"m-1": Merchant(merchant_id="m-1", names={"en": "Shop 1"})}


@pytest.mark.parametrize("merchants", [merchant_line(1) + merchant_line(2), merchant_line(1) + b"\n"])
async def test_versions_are_the_beginning_of_the_sha_256_of_the_files(harness: Harness, merchants: bytes) -> None:
    await harness.load(rules_file(), merchants)

    assert harness.data.current.rules.version == hashlib.sha256(rules_file()).hexdigest()[:12]
    assert harness.data.current.merchants.version == hashlib.sha256(merchants).hexdigest()[:12]


async def test_what_did_not_change_is_confirmed_and_not_read_again(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1))
    harness.clock.advance(MINUTE)

    outcomes = await harness.loader.reload_rules(), await harness.loader.reload_merchants()

    assert outcomes == (ReloadOutcome.UNCHANGED, ReloadOutcome.UNCHANGED)
    assert harness.store.bodies_read == [RULES, MERCHANTS]
    assert {freshness.confirmed_at for freshness in harness.data.freshness.values()} == {START + MINUTE}


async def test_a_newer_document_replaces_the_older_one(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1))
    before = harness.data.current

    await harness.load(rules_file("newer"), merchant_line(2))

    assert (before.rules.rules[0].id, list(before.merchants.by_id)) == ("at-the-store", ["m-1"])
    assert (harness.data.current.rules.rules[0].id, list(harness.data.current.merchants.by_id)) == ("newer", ["m-2"])


async def test_a_broken_rules_file_is_refused_with_every_mistake(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.load(rules_file(), merchant_line(1))
    caplog.clear()

    outcomes = await harness.load(BROKEN_RULES, merchant_line(1))

    assert outcomes[0] is ReloadOutcome.REFUSED
    assert harness.data.current.rules.rules[0].id == "at-the-store"
    assert [mistake for mistake in MISTAKES if mistake not in caplog.text] == []
    assert [mistake for mistake in MISTAKES if mistake not in str(harness.data.freshness["rules"].refusal)] == []


async def test_a_refused_file_is_read_once_said_once_and_stays_refused(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.load(BROKEN_RULES, merchant_line(1))
    refusal = harness.data.freshness["rules"].refusal

    outcome = await harness.loader.reload_rules()

    assert outcome is ReloadOutcome.REFUSED
    assert harness.data.freshness["rules"].refusal == refusal is not None
    assert harness.store.bodies_read.count(RULES) == 1
    assert caplog.text.count("$.colour") == 1


async def test_a_refused_file_is_still_refused_after_an_outage(harness: Harness) -> None:
    await harness.load(BROKEN_RULES, merchant_line(1))
    harness.store.failure = OUTAGE
    await harness.loader.reload_rules()
    harness.store.failure = None

    outcome = await harness.loader.reload_rules()

    assert outcome is ReloadOutcome.REFUSED
    assert "$.colour" in str(harness.data.freshness["rules"].refusal)


async def test_a_good_file_ends_a_refusal(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1))
    await harness.load(BROKEN_RULES, merchant_line(1))

    outcomes = await harness.load(rules_file(), merchant_line(1))

    assert outcomes[0] is ReloadOutcome.LOADED
    assert harness.data.freshness["rules"].refusal is None


async def test_countless_mistakes_are_not_all_repeated(harness: Harness) -> None:
    fields = ",".join(f'"f{number}": 1' for number in range(150))

    await harness.load(f"{{{fields}}}".encode(), merchant_line(1))

    assert str(harness.data.freshness["rules"].refusal).endswith("; and 52 more")


async def test_a_rules_file_too_large_is_refused(harness: Harness) -> None:
    outcomes = await harness.load(b" " * 4097, merchant_line(1))

    assert outcomes[0] is ReloadOutcome.REFUSED
    assert "4097 bytes" in str(harness.data.freshness["rules"].refusal)


@pytest.mark.parametrize("kind", ["rules", "merchants"])
async def test_a_document_that_is_not_there_is_missing(harness: Harness, kind: str) -> None:
    outcome = await (harness.loader.reload_rules() if kind == "rules" else harness.loader.reload_merchants())

    assert outcome is ReloadOutcome.MISSING
    assert "no such object" in str(harness.data.freshness[kind].refusal)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        pytest.param(OUTAGE, ReloadOutcome.UNAVAILABLE, id="an outage"),
        pytest.param(RefusedError("AccessDenied", 403), ReloadOutcome.REFUSED, id="wrong credentials"),
    ],
)
async def test_a_store_that_fails_leaves_everything_in_use(
    harness: Harness, failure: PortError, outcome: ReloadOutcome
) -> None:
    await harness.load(rules_file(), merchant_line(1))
    before = harness.data.current
    harness.store.failure = failure

    outcomes = await harness.loader.reload_rules(), await harness.loader.reload_merchants()

    assert outcomes == (outcome, outcome)
    assert harness.data.current is before
    assert {freshness.refusal for freshness in harness.data.freshness.values()} == {str(failure)}
    assert {freshness.confirmed_at for freshness in harness.data.freshness.values()} == {START}


async def test_a_stream_that_breaks_is_read_again_from_its_beginning(harness: Harness) -> None:
    harness.store.breaks_after_lines = 1
    await harness.load(rules_file(), merchant_line(1) + merchant_line(2))
    harness.store.breaks_after_lines = None

    outcome = await harness.loader.reload_merchants()

    assert outcome is ReloadOutcome.LOADED
    assert list(harness.data.current.merchants.by_id) == ["m-1", "m-2"]
    assert harness.outcomes[1:] == [("merchants", "unavailable"), ("merchants", "loaded")]


async def test_every_look_is_counted_with_its_outcome(harness: Harness) -> None:
    await harness.load(BROKEN_RULES, merchant_line(1))
    await harness.loader.reload_rules()
    await harness.loader.reload_merchants()

    assert harness.outcomes == [
        ("rules", "refused"),
        ("merchants", "loaded"),
        ("rules", "refused"),
        ("merchants", "unchanged"),
    ]


async def test_the_age_grows_while_nobody_confirms(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1))
    harness.store.failure = OUTAGE
    harness.clock.advance(MINUTE)

    await harness.loader.reload_rules()

    assert harness.metrics.values(Metric.REFERENCE_DATA_AGE) == [0, 0, 60]


async def test_an_outage_is_said_once_and_its_end_too(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    await harness.load(rules_file(), merchant_line(1))
    caplog.clear()
    for failure in (OUTAGE, OUTAGE, None, None):
        harness.store.failure = failure
        await harness.loader.reload_rules()

    version = harness.data.current.rules.version
    assert caplog.messages == [
        f"rules unavailable: S3 does not answer; version {version} stays in use",
        f"rules unchanged: version {version} stays in use",
    ]


BAD_LINES = {
    "no JSON": b"nonsense\n",
    "not UTF-8": b'{"merchant_id": "m-\xff", "names": {}}\n',
    "a list": b"[]\n",
    "a field missing": b'{"merchant_id": "m-2"}\n',
    "a wrong type": merchant_line(2, names="Shop"),
    "an empty id": b'{"merchant_id": "", "names": {}}\n',
    "a store without a place": merchant_line(2, stores=[{"store_id": "s"}]),
    "endless brackets": b"[" * 60_000 + b"\n",
    "too long": merchant_line(2, names={"en": "x" * MAX_LINE_BYTES}),
    "good, but hidden behind too many spaces": merchant_line(2)[:-1] + b" " * MAX_LINE_BYTES + b"nonsense\n",
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
async def test_a_bad_line_is_left_out_counted_and_named(
    harness: Harness, bad: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = await harness.load(rules_file(), merchant_line(1) + bad + merchant_line(3))

    assert outcomes[1] is ReloadOutcome.LOADED
    assert list(harness.data.current.merchants.by_id) == ["m-1", "m-3"]
    assert harness.data.current.merchants.bad_lines == 1
    assert "line 2: " in caplog.text


async def test_what_was_left_out_is_said_of_the_directory_in_use_until_there_is_a_better_one(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1) + b"x\n")
    said = [harness.data.freshness["merchants"].remark]
    await harness.loader.reload_merchants()
    await harness.load(rules_file(), b"no better\n")
    said.append(harness.data.freshness["merchants"].remark)
    await harness.load(rules_file(), merchant_line(1))

    assert said == ["1 line was left out: line 2: column 1: this is not JSON (Expecting value) near 'x'"] * 2
    assert harness.data.freshness["merchants"].remark is None


async def test_a_directory_too_large_is_refused(harness: Harness) -> None:
    outcomes = await harness.load(rules_file(), merchant_line(1) + b"\n" * 1024 * 1024)

    assert outcomes[1] is ReloadOutcome.REFUSED
    assert "bytes, at most 1048576 are allowed" in str(harness.data.freshness["merchants"].refusal)


async def test_a_directory_that_was_cut_is_refused_and_the_last_good_one_stays(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1) + merchant_line(2))

    outcomes = await harness.load(rules_file(), merchant_line(1) + merchant_line(3)[:20])

    assert outcomes[1] is ReloadOutcome.REFUSED
    assert list(harness.data.current.merchants.by_id) == ["m-1", "m-2"]
    assert "may have been cut there" in str(harness.data.freshness["merchants"].refusal)


async def test_of_two_lines_for_one_merchant_the_last_counts(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1) + merchant_line(1, names={"en": "Renamed"}))

    assert harness.data.current.merchants.by_id["m-1"].names == {"en": "Renamed"}
    assert harness.data.current.merchants.bad_lines == 1


async def test_blank_lines_mean_nothing(harness: Harness) -> None:
    await harness.load(rules_file(), b"\n" + merchant_line(1) + b"  \r\n")

    assert (len(harness.data.current.merchants.by_id), harness.data.current.merchants.bad_lines) == (1, 0)


async def test_as_many_bad_lines_as_allowed_are_left_out(harness: Harness) -> None:
    outcomes = await harness.load(rules_file(), b"x\nx\n" + merchant_line(1))

    assert outcomes[1] is ReloadOutcome.LOADED


async def test_one_more_bad_line_refuses_the_directory(harness: Harness) -> None:
    await harness.load(rules_file(), merchant_line(1))

    outcomes = await harness.load(rules_file(), b"x\nx\nx\n" + merchant_line(2))

    assert outcomes[1] is ReloadOutcome.REFUSED
    assert list(harness.data.current.merchants.by_id) == ["m-1"]
    assert str(harness.data.freshness["merchants"].refusal).startswith("more than 2 bad lines: line 1: ")


async def test_a_refused_directory_is_read_once_and_stays_refused(harness: Harness) -> None:
    await harness.load(rules_file(), b"x\nx\nx\n")

    outcome = await harness.loader.reload_merchants()

    assert outcome is ReloadOutcome.REFUSED
    assert harness.store.bodies_read.count(MERCHANTS) == 1


@pytest.mark.parametrize("content", [b"", b"\n\n", b"x\n"], ids=["empty", "blank lines", "only bad lines"])
async def test_a_directory_without_a_merchant_is_refused(harness: Harness, content: bytes) -> None:
    outcomes = await harness.load(rules_file(), content)

    assert outcomes[1] is ReloadOutcome.REFUSED
    assert "no line has a merchant" in str(harness.data.freshness["merchants"].refusal)


async def test_only_the_first_ten_bad_lines_are_named() -> None:
    reader = MerchantsFileReader(MerchantsLimits())
    for line in [b"x\n"] * 11 + [merchant_line(1)]:
        reader.take(line)

    assert reader.summary().startswith("1 merchants; 11 lines were left out: line 1: ")
    assert ("line 10: " in reader.summary(), "line 11: " in reader.summary()) == (True, False)


async def test_a_long_directory_lets_others_run_meanwhile(harness: Harness) -> None:
    harness.store.objects = {MERCHANTS: b"".join(map(merchant_line, range(3 * LINES_BETWEEN_PAUSES)))}
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    await harness.loader.reload_merchants()
    running.cancel()

    assert turns >= 3


async def test_events_go_on_while_a_large_rules_file_is_checked() -> None:
    store, turns = FakeObjectStore(), 0
    loader, _ = a_loader(store, FakeClock(), RecordingMetrics())
    rule = {"id": "r", "event_types": ["teleported"], "message": {"fallback": "en", "texts": {"en": {"title": "$x"}}}}
    store.objects = {RULES: json.dumps({"caps": [], "rules": [rule] * 1_000}).encode()}

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with quick_turns():
        running = asyncio.create_task(other())
        await loader.reload_rules()
        running.cancel()

    # A check in the loop itself leaves the others a turn for each of the few times that it waits.
    assert turns > 100


@contextmanager
def quick_turns() -> Iterator[None]:
    """Threads change places often: with Python's 5 ms the loop gets only some turns in so short a check."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def nothing() -> None: ...


async def test_waiting_ends_when_both_are_there(harness: Harness) -> None:
    harness.clock.events = [
        nothing,
        lambda: harness.store.objects.update({RULES: rules_file()}),
        lambda: harness.store.objects.update({MERCHANTS: merchant_line(1)}),
    ]

    await harness.loader.wait_until_loaded(SECONDS)

    assert harness.data.is_loaded
    assert harness.clock.slept == [timedelta(seconds=SECONDS)] * 3


async def test_waiting_is_explained_when_the_reason_changes(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    harness.store.objects = {RULES: rules_file()}
    harness.clock.events = [
        nothing,
        lambda: setattr(harness.store, "failure", OUTAGE),
        nothing,
        lambda: setattr(harness.store, "failure", None),
        lambda: harness.store.objects.update({MERCHANTS: merchant_line(1)}),
    ]

    await harness.loader.wait_until_loaded(SECONDS)

    missing = f"merchants missing: {MERCHANTS}: there is no such object; waiting, because none was loaded yet"
    outage = "merchants unavailable: S3 does not answer; waiting, because none was loaded yet"
    messages = [message for message in caplog.messages if message.startswith("merchants")]
    assert messages[:-1] == [missing, outage, missing]
    assert messages[-1].startswith("merchants loaded: version ")


async def test_the_snapshot_needs_both() -> None:
    data = ReferenceData()

    data.replace_merchants(Merchants("v", {}), START)

    assert not data.is_loaded
    with pytest.raises(LookupError):
        _ = data.current


def many(count: int) -> bytes:
    return b"".join(map(merchant_line, range(count)))


async def test_a_directory_that_lost_too_many_merchants_is_refused_and_said_once(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.load(rules_file(), many(10))
    before = harness.data.current
    caplog.clear()

    outcomes = [(await harness.load(rules_file(), many(7)))[1] for _ in range(2)]

    words = f"7 merchants, the last accepted directory (version {before.merchants.version}) had 10: more than 20 % are"
    assert outcomes == [ReloadOutcome.REFUSED] * 2
    assert harness.data.current is before
    assert str(harness.data.freshness["merchants"].refusal).startswith(words)
    assert caplog.text.count(words) == 1
    assert harness.store.bodies_read.count(MERCHANTS) == 2  # the first, and the refused one once


async def test_a_refused_directory_is_taken_once_it_is_accepted(harness: Harness) -> None:
    await harness.load(rules_file(), many(10))
    await harness.load(rules_file(), many(7))

    await harness.directories.accept(AcceptedDirectory(version=version_of(many(7)), merchants=7))

    assert await harness.loader.reload_merchants() is ReloadOutcome.LOADED
    assert len(harness.data.current.merchants.by_id) == 7
    assert harness.data.freshness["merchants"].refusal is None


async def test_a_worker_that_starts_waits_for_a_shrunken_directory_to_be_accepted(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.store.objects = {RULES: rules_file(), MERCHANTS: many(7)}
    harness.directories.noted = AcceptedDirectory(version="0123456789ab", merchants=10)
    accepted = AcceptedDirectory(version=version_of(many(7)), merchants=7)
    harness.clock.events = [nothing, lambda: setattr(harness.directories, "noted", accepted)]

    await harness.loader.wait_until_loaded(SECONDS)

    command = f"run `saving-alerts merchants accept {accepted.version}`; waiting, because none was loaded yet"
    assert len(harness.clock.slept) == 2
    assert caplog.text.count(command) == 1


async def test_what_was_not_compared_is_said_beside_what_was_left_out_until_it_is(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.directories.down = True
    await harness.load(rules_file(), many(10) + b"x\n")
    said = str(harness.data.freshness["merchants"].remark)
    harness.directories.down = False
    harness.directories.noted = AcceptedDirectory(version="0123456789ab", merchants=11)

    await harness.loader.reload_merchants()

    assert said.startswith("it was not compared with the last accepted directory: Redis cannot be reached")
    assert "; 1 line was left out: " in said
    assert "it was not compared with the last accepted directory: Redis cannot be reached" in caplog.text
    assert str(harness.data.freshness["merchants"].remark).startswith("1 line was left out: ")
    assert harness.directories.noted.merchants == 10
