"""The index finds the rules that listen, and only those, whatever the patterns."""

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.index import REMEMBERED_SHORTLISTS, Globs, RuleIndex
from saving_alerts.domain.rules.rule import Rule
from tests.support.sample_events import MESSAGE

OFFER, ENTERED = EventType.OFFER_VIEWED, EventType.GEOFENCE_ENTERED


def rule(number: int, kind: EventType, allow: tuple[str, ...], deny: tuple[str, ...]) -> Rule:
    return Rule(f"r-{number}", frozenset({kind}), allow, deny, None, None, MESSAGE)


signs = st.text("m-19*?[]!", min_size=1, max_size=5)
globs = st.lists(signs, max_size=4).map(tuple)
many = st.lists(st.tuples(st.sampled_from([OFFER, ENTERED]), globs, globs), max_size=8)


@given(many=many, kind=st.sampled_from([OFFER, ENTERED]), merchant_id=st.text("m-19*[", min_size=1, max_size=5))
def test_a_shortlist_is_what_asking_every_rule_gives(
    many: list[tuple[EventType, tuple[str, ...], tuple[str, ...]]], kind: EventType, merchant_id: str
) -> None:
    rules = tuple(rule(number, *each) for number, each in enumerate(many))

    shortlist = RuleIndex(rules).shortlist(kind, merchant_id)

    of_kind = [each for each in rules if kind in each.event_types]
    listening = [
        each
        for each in of_kind
        if any(fnmatchcase(merchant_id, glob) for glob in each.allow)
        and not any(fnmatchcase(merchant_id, glob) for glob in each.deny)
    ]
    assert list(shortlist.rules) == listening
    assert (shortlist.other_types, shortlist.other_merchants) == (
        len(rules) - len(of_kind),
        len(of_kind) - len(listening),
    )


def test_what_it_remembers_is_bounded() -> None:
    index = RuleIndex((rule(1, OFFER, ("*",), ()),))

    assert index.shortlist.cache_info().maxsize == REMEMBERED_SHORTLISTS < 100_000


def test_an_event_without_a_merchant_is_listened_to_by_nobody() -> None:
    assert RuleIndex((rule(1, OFFER, ("*",), ()),)).shortlist(OFFER, None).rules == ()


@pytest.mark.parametrize("glob", ["*a" * 60, "a*" * 64, "?*" * 64, "[a-z]*" * 20], ids=lambda glob: glob[:6])
def test_no_pattern_takes_long(glob: str) -> None:
    began = time.process_time()
    Globs([glob] * 100).match("a" * 127 + "!")

    assert time.process_time() - began < 1
