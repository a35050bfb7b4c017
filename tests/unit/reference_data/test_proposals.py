"""Two people stand behind the rules: whoever may write only at their own place can make nobody believe otherwise."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.ports.identity import Principal
from saving_alerts.reference_data.approvals import Proposal
from saving_alerts.reference_data.loader import ReferenceDataLoader, ReloadOutcome
from saving_alerts.reference_data.proposals import NotApprovedError, Proposals
from saving_alerts.reference_data.snapshot import ReferenceData
from tests.support.broken_rules import TEXT
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.loaders import POLICY, a_guard

INES = Principal("AIDAINES", "arn:aws:iam::123456789012:user/ines")
TOM = Principal("AROAROLE:tom@shop.example", "arn:aws:sts::123456789012:assumed-role/pm/tom@shop.example")
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
BODY = TEXT.encode()
VERSION = version_of(BODY)
BY_INES, BY_TOM = f"rules/by/{INES.id}/{VERSION}.proposed.json", f"rules/by/{TOM.id}/{VERSION}.approved.json"
SHARED = ("rules.json", f"rules/{VERSION}.json", f"rules/proposed/{VERSION}.json", f"rules/approved/{VERSION}.json")


@pytest.fixture
def store() -> FakeObjectStore:
    return FakeObjectStore()


@pytest.fixture
def proposals(store: FakeObjectStore) -> Proposals:
    return Proposals(store, "rules.json")


async def approved(proposals: Proposals, author: Principal = INES, approver: Principal = TOM) -> None:
    await proposals.propose(BODY, author, "coffee", None, NOW)
    await proposals.approve(await proposals.proposed(BODY), approver, NOW)


@pytest.mark.asyncio
async def test_what_one_proposed_and_another_approved_is_good(store: FakeObjectStore, proposals: Proposals) -> None:
    await approved(proposals)

    assert await proposals.refusal(BODY) is None
    assert {BY_INES, BY_TOM, *SHARED[2:]} == set(store.objects)


@pytest.mark.asyncio
async def test_nobody_approves_what_they_have_proposed(store: FakeObjectStore, proposals: Proposals) -> None:
    with pytest.raises(NotApprovedError, match=f"user/ines has proposed {VERSION}: somebody else must approve it"):
        await approved(proposals, INES, INES)

    assert f"rules/approved/{VERSION}.json" not in store.objects


@pytest.mark.asyncio
async def test_what_nobody_proposed_is_not_approved(proposals: Proposals) -> None:
    with pytest.raises(NotApprovedError, match=f"nobody has proposed {VERSION}"):
        await proposals.proposed(BODY)

    assert f"version {VERSION}: nobody has approved it" in str(await proposals.refusal(BODY))


def written(body: bytes) -> bytes:
    return msgspec.json.encode(Proposal(sha256=hashlib.sha256(body).hexdigest(), name="x", note="", at=NOW))


# What Ines can write alone: at her own place, and wherever all who publish can.
ALONE: dict[str, dict[str, object]] = {
    "nothing but the pair": {SHARED[3]: {"author": INES.id, "approver": TOM.id}},
    "her own approval": {SHARED[3]: {"author": INES.id, "approver": INES.id}},
    "an approval of nobody": {SHARED[3]: {"author": INES.id, "approver": "AIDANOBODY"}},
    "a proposal of nobody": {SHARED[3]: {"author": "AIDANOBODY", "approver": INES.id}},
    "a place that leads to her own": {SHARED[3]: {"author": INES.id, "approver": f"{INES.id}/../{INES.id}"}},
    "another id for her own place": {SHARED[3]: {"author": INES.id, "approver": f"./{INES.id}"}},
    "no ids": {SHARED[3]: {"author": "", "approver": ""}},
    "a list": {SHARED[3]: [INES.id, TOM.id]},
}


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.asyncio
async def test_nobody_makes_an_approval_alone(name: str, store: FakeObjectStore, proposals: Proposals) -> None:
    await proposals.propose(BODY, INES, "", None, NOW)
    for what in ("proposed", "approved"):
        store.objects[f"rules/by/{INES.id}/{VERSION}.{what}.json"] = written(BODY)
    store.objects |= {key: msgspec.json.encode(value) for key, value in ALONE[name].items()}

    assert await proposals.refusal(BODY) is not None


@pytest.mark.asyncio
async def test_another_file_with_the_same_version_is_not_approved_with_it(
    store: FakeObjectStore, proposals: Proposals
) -> None:
    """48 bits of a hash are found in seconds; here the other file is given the place of the version."""
    await approved(proposals)
    other = BODY + b" "
    for what, key in (("proposed", BY_INES), ("approved", BY_TOM)):
        store.objects[key.replace(VERSION, version_of(other))] = store.objects[key]
        store.objects[f"rules/{what}/{version_of(other)}.json"] = store.objects[f"rules/{what}/{VERSION}.json"]

    assert "is said to have proposed it, and has not" in str(await proposals.refusal(other))
    with pytest.raises(NotApprovedError, match="has proposed another file with the version"):
        await proposals.proposed(other)


@pytest.mark.asyncio
async def test_a_proposal_is_only_whose_place_it_stands_at(store: FakeObjectStore, proposals: Proposals) -> None:
    await proposals.propose(BODY, INES, "", None, NOW)
    store.objects[f"rules/proposed/{VERSION}.json"] = msgspec.json.encode({"author": TOM.id})

    with pytest.raises(NotApprovedError, match="is said to have proposed"):
        await proposals.proposed(BODY)


@given(raw=st.binary(max_size=60) | st.sampled_from([b"{}", b"null", b"[]", b"\xff", b'{"author":1}']))
@pytest.mark.asyncio
async def test_no_bytes_are_an_approval(raw: bytes) -> None:
    store = FakeObjectStore()
    proposals = Proposals(store, "rules.json")
    store.objects = dict.fromkeys((BY_INES, BY_TOM, *SHARED[2:]), raw)

    assert await proposals.refusal(BODY) is not None
    with pytest.raises(NotApprovedError):
        await proposals.proposed(BODY)


def a_strict_loader(store: FakeObjectStore) -> tuple[ReferenceDataLoader, ReferenceData]:
    data = ReferenceData()
    policy = replace(POLICY, rules_need_approval=True)
    return ReferenceDataLoader(store, a_guard(), policy, data, FakeClock(), RecordingMetrics()), data


@pytest.mark.asyncio
async def test_a_worker_takes_rules_when_they_are_approved_and_keeps_the_last_good_ones_till_then(
    store: FakeObjectStore, proposals: Proposals
) -> None:
    loader, data = a_strict_loader(store)
    store.objects |= {"rules.json": BODY, "merchants.jsonl": b'{"merchant_id": "m-1", "names": {}}\n'}
    await approved(proposals)
    await loader.wait_until_loaded(1)
    alone = BODY + b"\n"
    store.objects["rules.json"] = alone

    outcomes = [await loader.reload_rules(), await loader.reload_rules()]
    refusal, in_use = data.freshness["rules"].refusal, data.current.rules.version
    await proposals.propose(alone, TOM, "", VERSION, NOW)
    await proposals.approve(await proposals.proposed(alone), INES, NOW)

    assert outcomes == [ReloadOutcome.REFUSED] * 2
    assert f"version {version_of(alone)}: nobody has approved it" in str(refusal)
    assert in_use == VERSION
    assert await loader.reload_rules() is ReloadOutcome.LOADED
    assert data.current.rules.version == version_of(alone)


@pytest.mark.asyncio
async def test_without_the_setting_nobody_is_asked(store: FakeObjectStore) -> None:
    data = ReferenceData()
    loader = ReferenceDataLoader(store, a_guard(), POLICY, data, FakeClock(), RecordingMetrics())
    store.objects["rules.json"] = BODY

    assert await loader.reload_rules() is ReloadOutcome.LOADED
    assert store.bodies_read == ["rules.json"]
