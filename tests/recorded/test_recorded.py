"""What every release has written is read by the present code, and says what it said then."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from redis import asyncio as aioredis

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.kafka.codecs import Envelope, decode_ledger
from tests.recorded.claim_answers import answers, throttle_for
from tests.recorded.claim_asks import INCARNATION, NO_CAPS, claim_of
from tests.recorded.heartbeats import rows_of
from tests.recorded.lines import Line, read_lines, read_reasons, releases
from tests.recorded.meaning import lost
from tests.recorded.readings import KINDS, READINGS, switches_after, table_after

RELEASES = releases()
STAGES = {"validate", "query_coupons", "evaluate_rules", "dispatch_push"}
WEEK = timedelta(days=7)
FEWEST_ASKS = 13  # later releases may ask more


def lines_of(*kinds: str) -> list[Any]:
    """Every line of these kinds and every release, each a case of its own."""
    return [
        pytest.param(kind, line, id=f"{release}-{kind}-{number}")
        for release in RELEASES
        for kind in kinds
        for number, line in enumerate(read_lines(release, kind))
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as embedded:
        yield embedded


@pytest_asyncio.fixture
async def client(server: EmbeddedRedis) -> AsyncIterator[aioredis.Redis]:
    async with connect(server.url, timeout_seconds=5, max_connections=2) as opened:
        await opened.flushdb()
        yield opened


def test_the_first_release_is_on_record() -> None:
    assert "0.1.0" in RELEASES


@pytest.mark.parametrize("release", RELEASES)
def test_every_kind_is_on_record(release: str) -> None:
    assert [kind for kind in KINDS if not read_lines(release, kind)] == []


@pytest.mark.parametrize(("kind", "line"), lines_of(*READINGS))
def test_it_says_what_it_said(kind: str, line: Line) -> None:
    assert line.expect is not None
    assert lost(line.expect, READINGS[kind](line)) == []


@pytest.mark.parametrize("release", RELEASES)
def test_every_reason_of_the_release_is_on_record_and_known(release: str) -> None:
    lines = [*read_lines(release, "decisions"), *read_lines(release, "receipts")]

    reasons = {decode_ledger(line.value_bytes or b"").reason for line in lines}

    assert {str(reason) for reason in reasons} == set(read_reasons(release))


@pytest.mark.parametrize(("kind", "line"), lines_of("validated", "candidates", "alerts"))
def test_headers_key_and_value_speak_of_one_event(kind: str, line: Line) -> None:
    envelope = Envelope.read(line.header_bytes)
    value: Any = READINGS[kind](line)
    event = _event_in(value["value"])

    assert (event["event_id"], event["user_id"].encode()) == (envelope.event_id, line.key_bytes)


def _event_in(value: dict[str, Any]) -> dict[str, Any]:
    """An alert names them itself; what comes before has the whole event."""
    validated = value.get("validated", value)
    event: dict[str, Any] = validated.get("event", validated)
    return event


@pytest.mark.parametrize("release", RELEASES)
def test_dead_letters_of_every_stage_tried_and_untried_are_on_record(release: str) -> None:
    letters: list[Any] = [READINGS["dead_letters"](line)["says"] for line in read_lines(release, "dead_letters")]  # type: ignore[index]

    assert {letter["stage"] for letter in letters} == STAGES
    assert {(letter["reason"], letter["tried"]) for letter in letters} >= {
        ("invalid", True),
        ("dead_letter", True),
        ("dead_letter", False),
    }


@pytest.mark.parametrize("release", RELEASES)
def test_a_switch_is_on_until_its_tombstone(release: str) -> None:
    lines = read_lines(release, "kill_switches")
    on = [line for line in lines if line.value is not None]

    assert set(switches_after(on)) == {"all", "merchant:m-100", "rule:at-the-store"}  # type: ignore[call-overload]
    assert switches_after(lines) == {}


@pytest.mark.parametrize("release", RELEASES)
def test_a_table_of_all_its_records_remembers_and_forgets(release: str) -> None:
    lines = read_lines(release, "push_sends")
    gone = next(line for line in lines if line.value is None)
    sent = next(line for line in lines if line.value is not None)
    of_another = msgspec.structs.replace(sent, key=gone.key)
    assert sent.taken_at is not None

    assert len(table_after([of_another], sent.taken_at)) == 1
    assert len(table_after([of_another, gone], sent.taken_at)) == 0
    assert table_after([sent], sent.taken_at + 2 * WEEK).of((sent.key_bytes or b"").decode()) == ()


@pytest.mark.asyncio
@pytest.mark.parametrize("release", RELEASES)
async def test_the_rows_of_workers_say_what_they_said(release: str, client: aioredis.Redis) -> None:
    lines = read_lines(release, "redis_heartbeats")

    rows = await rows_of(client, lines)

    assert {line.key for line in lines if line.redis_type == "string"} == rows.keys()
    assert [lost(line.expect, rows.get(line.key)) for line in lines] == [[]] * len(lines)


# Since 0.2.0 `release` says on purpose that a claim of another incarnation on the position stays. 0.1.0 denied it
# (docs/claims.md, `others_claim_is_not_denied`).
RELEASED_BY = {"release": INCARNATION, "release by another worker": "worker-b"}


def still_expected(line: Line) -> dict[str, str]:
    answered: Any = dict(line.expect or {})  # type: ignore[call-overload]
    stay = {ask: "stays charged" for ask, worker in RELEASED_BY.items() if holders(line) - {worker}}
    return {**answered, **stay}


def holders(line: Line) -> set[str]:
    """The incarnations that have a claim on the position that is asked about."""
    entries: list[dict[str, Any]] = msgspec.json.decode(line.value_bytes or b"{}").get("entries") or []
    position = str(claim_of("anybody").position)
    return {each["incarnation"] for each in entries if each["position"] == position and "incarnation" in each}


@pytest.mark.asyncio
@pytest.mark.parametrize(("_kind", "line"), lines_of("redis_claims"))
async def test_claims_are_answered_as_they_were(_kind: str, line: Line, client: aioredis.Redis) -> None:
    assert line.redis_type == "string"
    assert lost(still_expected(line), await answers(client, line)) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(("_kind", "line"), lines_of("redis_claims"))
async def test_claims_can_be_read_just_as_they_stood(_kind: str, line: Line, client: aioredis.Redis) -> None:
    """However old they are: what nobody can read would silence the user until somebody deletes it."""
    await client.set(line.key_bytes or b"", line.value_bytes or b"")

    await throttle_for(client, line).reserve(claim_of(line.user_id or "", 99), NO_CAPS)


# By state, what may never change: another answer would be a second push, or a user silenced.
PROMISED = {
    "a live claim": {"renew": "renewed", "reserve by another worker": "busy", "release": "released"},
    "a claim whose lease has ended": {
        "reserve by another worker": "granted, taken over",
        "reserve for the same event elsewhere": "duplicate of saving-events/3/7",
        "reserve for another event, one a day": "capped",
        "release": "stays charged",
    },
    "confirmed": {"reserve again": "sent at", "reserve for another event, one a day": "capped"},
    "uncertain": {"reserve again": "may have been sent at", "reserve for another event, one a day": "capped"},
    "released": {"reserve again": "was released", "reserve for another event, one a day": "granted"},
}


@pytest.mark.parametrize("release", RELEASES)
def test_the_answers_on_record_are_the_promised_ones(release: str) -> None:
    recorded: dict[str, Any] = {line.about: line.expect for line in read_lines(release, "redis_claims")}

    assert all(len(answered) >= FEWEST_ASKS for answered in recorded.values())
    for state, promises in PROMISED.items():
        for ask, words in promises.items():
            assert recorded[state][ask].startswith(words)
