"""The orders of one partition: what stands there is carried out, or refused and named by its place."""

import pytest
from aiokafka import ConsumerRecord

from saving_alerts.adapters.standing_orders import MOST_REFUSED, PendingOrder, StandingOrders
from saving_alerts.domain.erasures import CARRIED_OUT, ErasureOrder, Tokens
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.codecs import encode
from tests.support.fakes.clock import START

AMONG = 4
TOKENS = Tokens("a secret of the tests, of 32 letters")
NUMBER = partition_of(b"u-1", AMONG)
Headers = tuple[tuple[str, bytes], ...]


def record(
    key: bytes | None, value: bytes | None, offset: int = 7, number: int = NUMBER, headers: Headers = ()
) -> ConsumerRecord:
    return ConsumerRecord("saving-alerts.erasures", number, offset, 0, 0, key, value, None, -1, -1, headers)


def order(user: str, tokens: Tokens = TOKENS) -> tuple[bytes, bytes]:
    return tokens.of_user(user).encode(), encode(ErasureOrder(user, START))


@pytest.fixture
def orders() -> StandingOrders:
    return StandingOrders(AMONG, TOKENS)


def test_an_order_waits_until_its_tombstone(orders: StandingOrders) -> None:
    orders.apply(record(*order("u-1")))
    waiting = dict(orders.pending)
    orders.apply(record(order("u-1")[0], None, 8))

    assert list(waiting.values()) == [PendingOrder("u-1", 7)]
    assert (orders.pending, orders.refused, orders.next_offset) == ({}, {}, 9)


def test_one_that_was_given_while_another_was_carried_out_waits_on(orders: StandingOrders) -> None:
    key, value = order("u-1")
    orders.apply(record(key, value, 7))
    orders.apply(record(key, value, 8))
    orders.apply(record(key, None, 9, headers=((CARRIED_OUT, b"7"),)))
    waiting = dict(orders.pending)
    orders.apply(record(key, None, 10, headers=((CARRIED_OUT, b"8"),)))

    assert list(waiting.values()) == [PendingOrder("u-1", 8)]
    assert not orders.pending


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (record(b"\xff", b"\xff"), "cannot be read"),
        (record(None, b"{}"), "cannot be read"),
        (record(*order("u-1", Tokens("another secret of the tests, also 32"))), "another SAVING_ALERTS_ERASURE_SECRET"),
        (record(*order("u-1"), number=(NUMBER + 1) % AMONG), "another partition"),
    ],
    ids=["no order", "without a key", "of another secret", "in another partition"],
)
def test_what_cannot_be_carried_out_is_named_by_its_place(
    orders: StandingOrders, written: ConsumerRecord, why: str
) -> None:
    orders.apply(written)

    (named,) = orders.refused.values()
    assert named.startswith(f"saving-alerts.erasures/{written.partition}/7: ")
    assert why in named
    assert "u-1" not in named
    assert not orders.pending


def test_the_right_order_takes_the_place_of_a_refused_one(orders: StandingOrders) -> None:
    key, value = order("u-1")
    orders.apply(record(key, b"?"))
    orders.apply(record(key, value, 8))

    assert (orders.refused, list(orders.pending.values())) == ({}, [PendingOrder("u-1", 8)])


def test_however_many_cannot_be_read_memory_has_a_bound(orders: StandingOrders) -> None:
    for number in range(2 * MOST_REFUSED):
        orders.apply(record(b"%d" % number, b"?"))

    assert len(orders.refused) == MOST_REFUSED
