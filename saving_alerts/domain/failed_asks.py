"""The requests to the Coupon API that failed for one event: each answer once, with its count."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from saving_alerts.domain.decoding import printable

DETAIL = "coupon_api_failures"  # of a decision
# An event can fail for half an hour: what a server writes into its errors must not fill a record.
MAX_ANSWERS = 5
MAX_CHARACTERS = 100
OTHERS = "others"

FailedAsks: TypeAlias = dict[str, int]
NONE_FAILED: Mapping[str, int] = MappingProxyType({})


def one_more(failed: FailedAsks, answer: str) -> None:
    """Count it; beyond five different answers as one of the others."""
    named = printable(answer, MAX_CHARACTERS)
    if named not in failed and len(failed) >= MAX_ANSWERS:
        named = OTHERS
    failed[named] = failed.get(named, 0) + 1


def details_of(failed: Mapping[str, int]) -> dict[str, object]:
    """For a decision; empty if none has failed."""
    return {DETAIL: dict(failed)} if failed else {}
