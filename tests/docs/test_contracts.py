"""What docs/contracts.md shows is what the code reads and writes."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from saving_alerts.domain.alerts import Push, PushTrace
from saving_alerts.domain.consent import ConsentChange, problem_of
from saving_alerts.domain.coupons import Coupon, Discount
from saving_alerts.domain.decisions import Decision, PushText, Versions
from saving_alerts.domain.events import (
    GEOFENCE_TYPES,
    TYPES_WITHOUT_MERCHANT,
    App,
    EventType,
    Location,
    PushConsent,
    SavingEvent,
    read_event,
)
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.reference_data.merchants_file import MerchantsFileReader, MerchantsLimits

GUIDE = (Path(__file__).parents[2] / "docs/contracts.md").read_text(encoding="utf-8")
EVENT, CONSENT, COUPONS, PUSH, MERCHANT = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)


def section(title: str) -> str:
    return GUIDE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def names(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_the_event_is_valid_and_complete() -> None:
    event: dict[str, Any] = json.loads(EVENT)

    assert isinstance(read_event(EVENT.encode()), SavingEvent)
    assert event.keys() == names(SavingEvent)
    assert event["app"].keys() == names(App)
    assert event["location"].keys() == names(Location)
    assert event["push"].keys() == names(PushConsent)


def test_every_event_type_stands_in_the_row_of_its_needs() -> None:
    rows = [
        set(re.findall(r"`(\w+)`", first)) for first in re.findall(r"^\| ([^|]+)", section("The event"), re.MULTILINE)
    ]
    with_merchant = set(EventType) - GEOFENCE_TYPES - TYPES_WITHOUT_MERCHANT

    assert all(
        {str(kind) for kind in kinds} in rows for kinds in (GEOFENCE_TYPES, with_merchant, TYPES_WITHOUT_MERCHANT)
    )


def test_the_consent_change_can_be_read_and_shows_every_field() -> None:
    change: dict[str, Any] = json.loads(CONSENT)

    assert problem_of(CONSENT.encode()) is None
    assert change.keys() == names(ConsentChange)
    assert change["push"].keys() == names(PushConsent)


def test_the_coupons_can_be_read_and_show_every_field() -> None:
    shown: list[dict[str, Any]] = json.loads(COUPONS)

    assert msgspec.json.decode(COUPONS, type=tuple[Coupon, ...])
    assert shown[0].keys() == names(Coupon)
    assert shown[0]["discount"].keys() | {"currency"} == names(Discount)


def test_the_push_has_the_fields_that_are_sent() -> None:
    push: dict[str, Any] = json.loads(PUSH)

    assert msgspec.json.decode(PUSH, type=Push)
    assert push.keys() == names(Push)
    assert push["trace"].keys() == names(PushTrace)


def test_the_merchant_is_a_good_line_and_shows_every_field() -> None:
    reader = MerchantsFileReader(MerchantsLimits(max_bad_lines=0))

    reader.take(MERCHANT.encode())

    merchant: dict[str, Any] = json.loads(MERCHANT)
    assert reader.refusal is None
    assert merchant.keys() == names(Merchant)
    assert merchant["stores"][0].keys() == names(Store)
    assert merchant["opening"].keys() == names(Opening)


@pytest.mark.parametrize(
    ("title", "kinds"),
    [
        ("The event", [SavingEvent, App, Location, PushConsent]),
        ("The Coupon API", [Coupon, Discount]),
        ("Decisions", [Decision, PushText, Versions]),
        ("The merchants file", [Merchant, Store, Opening]),
    ],
    ids=["event", "coupon", "decision", "merchant"],
)
def test_every_field_is_told(title: str, kinds: list[type[msgspec.Struct]]) -> None:
    told = set(re.findall(r"`(?:\w+\.)?(\w+)`", section(title)))
    wrappers = {"app", "push", "discount"}  # told by what is in them

    assert {name for kind in kinds for name in names(kind)} - wrappers <= told
