"""Each user reads one of the texts, always the same, and as many users each as its weight says."""

from collections import Counter
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.rules.clauses import is_rolled_out
from saving_alerts.domain.rules.messages import Message, Text, Variant
from saving_alerts.domain.rules.variants import shares, text_for

USERS = [f"u-{number}" for number in range(10_000)]


def message(weights: dict[str, float], salt: str = "coffee") -> Message:
    variants = tuple(Variant(name, weight, one_text(name)) for name, weight in weights.items())
    return Message(variants[0].message.texts, "en", variants, salt)


def one_text(name: str) -> Message:
    return Message({"en": Text(Template(name), Template("$coupon"))}, "en")


def chosen(found: Message, users: list[str]) -> dict[str, str | None]:
    return {user: text_for(found, user)[0] for user in users}


def test_a_message_without_variants_is_everybodys() -> None:
    plain = one_text("plain")

    assert text_for(plain, "u-1") == (None, plain)


def test_these_users_keep_these_texts_in_every_release() -> None:
    found = message({"a": 1, "b": 1, "c": 2})

    assert [text_for(found, f"u-{number}")[0] for number in range(8)] == ["b", "a", "c", "c", "a", "a", "c", "c"]


@pytest.mark.parametrize("weights", [{"a": 1, "b": 1}, {"a": 3, "b": 1}, {"a": 0.5, "b": 1.5, "c": 8}], ids=str)
def test_as_many_users_read_each_as_its_weight_says(weights: dict[str, float]) -> None:
    found = message(weights)
    counted = Counter(chosen(found, USERS).values())

    assert {name: counted[name] / len(USERS) for name in weights} == pytest.approx(shares(found), abs=0.015)


@given(st.text(min_size=1, max_size=8), st.integers(2, 5), st.randoms())
def test_neither_the_order_nor_the_scale_of_the_weights_matters(user: str, number: int, order: object) -> None:
    weights = {f"v{each}": float(each + 1) for each in range(number)}
    turned = dict(reversed([(name, weight * 8) for name, weight in weights.items()]))

    assert text_for(message(weights), user)[0] == text_for(message(turned), user)[0]


def test_a_weight_that_grows_brings_users_and_moves_nobody_else() -> None:
    before, after = chosen(message({"a": 1, "b": 1, "c": 1}), USERS), chosen(message({"a": 2, "b": 1, "c": 1}), USERS)
    moved = {user for user in USERS if before[user] != after[user]}

    assert moved
    assert {after[user] for user in moved} == {"a"}


def test_a_variant_that_ends_moves_its_own_users_only() -> None:
    before, after = chosen(message({"a": 1, "b": 1, "c": 1}), USERS), chosen(message({"a": 1, "b": 1}), USERS)

    assert {before[user] for user in USERS if before[user] != after[user]} == {"c"}


def test_another_salt_deals_them_out_anew() -> None:
    one, other = chosen(message({"a": 1, "b": 1}), USERS), chosen(message({"a": 1, "b": 1}, "autumn"), USERS)

    assert sum(one[user] != other[user] for user in USERS) == pytest.approx(len(USERS) / 2, rel=0.05)


def test_who_is_in_a_rollout_reads_all_texts() -> None:
    """With the rollout's own hash all of them would read the first."""
    first = [user for user in USERS if is_rolled_out(10, "coffee", user)]
    counted = Counter(chosen(message({"a": 1, "b": 1}), first).values())

    assert counted["a"] == pytest.approx(len(first) / 2, rel=0.1)
