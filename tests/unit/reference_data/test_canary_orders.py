"""One order at a time: of two people who change it the second is told of the first."""

import msgspec
import pytest

from saving_alerts.domain.canary.order import CanaryOrder, Ended
from saving_alerts.domain.decoding import Unreadable
from saving_alerts.ports.errors import RefusedError
from saving_alerts.reference_data.canary_orders import CanaryOrders, Standing
from saving_alerts.reference_data.document_store import ChangedMeanwhileError
from tests.support.fakes.clock import START
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.sample_canary import LIVE, VERSION, an_order

pytestmark = pytest.mark.asyncio
KEY = "rules/canary.json"
ABORTED = Ended(how="aborted", by="tom", note="too loud", at=START)
PROMOTED = Ended(how="promoted", by="ines", note="all is well", at=START)


async def test_before_the_first_one_there_is_none() -> None:
    standing = await CanaryOrders(FakeObjectStore(), "rules.json").standing()

    assert standing == Standing(None, None)
    assert standing.open_on(LIVE) is None


async def test_what_was_begun_stands_there_and_has_a_say_on_the_rules_it_was_begun_with() -> None:
    store = FakeObjectStore()
    orders = CanaryOrders(store, "rules.json")
    await orders.begin(an_order(), await orders.standing())

    standing = await orders.standing()

    assert standing.order == an_order()
    assert standing.open_on(LIVE) == an_order()
    assert (standing.open_on(VERSION), standing.open_on("0" * 12), standing.open_on(None)) == (None, None, None)
    assert list(store.objects) == [KEY]


async def test_of_two_who_begin_one_the_second_is_refused() -> None:
    orders = CanaryOrders(FakeObjectStore(), "rules.json")
    both_saw = await orders.standing()
    await orders.begin(an_order(), both_saw)

    with pytest.raises(ChangedMeanwhileError, match=f"canary {VERSION}-a1b2c3 on 5 % of the users until .* by ines"):
        await orders.begin(an_order(mark="ffffff"), both_saw)

    assert (await orders.standing()).order == an_order()


async def test_of_two_who_end_it_the_second_is_refused() -> None:
    orders = CanaryOrders(FakeObjectStore(), "rules.json")
    await orders.begin(an_order(), await orders.standing())
    both_saw = await orders.standing()
    await orders.end(an_order(), ABORTED, both_saw)

    with pytest.raises(ChangedMeanwhileError, match="was aborted by tom: too loud"):
        await orders.end(an_order(), PROMOTED, both_saw)

    assert (await orders.standing()).open_on(LIVE) is None


async def test_a_request_that_was_repeated_by_the_driver_is_no_other_person() -> None:
    orders = CanaryOrders(FakeObjectStore(), "rules.json")
    before = await orders.standing()
    await orders.begin(an_order(), before)

    await orders.begin(an_order(), before)


async def test_a_promoted_one_has_a_say_until_it_is_written_down() -> None:
    orders = CanaryOrders(FakeObjectStore(), "rules.json")
    await orders.begin(an_order(), await orders.standing())

    promoted = await orders.end(an_order(), PROMOTED, await orders.standing())

    assert (await orders.standing()).open_on(LIVE) == promoted
    assert (await orders.standing()).open_on(VERSION) is None


async def test_what_cannot_be_read_has_no_say_and_can_be_replaced() -> None:
    store = FakeObjectStore()
    store.objects[KEY] = b"{"
    orders = CanaryOrders(store, "rules.json")
    found = await orders.standing()

    await orders.begin(an_order(), found)

    assert isinstance(found.order, Unreadable)
    assert found.open_on(LIVE) is None
    assert store.objects[KEY] == msgspec.json.encode(an_order())


async def test_who_may_not_list_the_bucket_hears_403_where_there_is_none() -> None:
    store = FakeObjectStore()
    store.failure = RefusedError("s3://b/rules/canary.json: 403", 403)

    assert await CanaryOrders(store, "rules.json").standing() == Standing(None, None)
    store.failure = RefusedError("s3://b/rules/canary.json: too large")
    with pytest.raises(RefusedError):
        await CanaryOrders(store, "rules.json").standing()


async def test_closed_it_has_no_say_ever_again() -> None:
    orders = CanaryOrders(FakeObjectStore(), "rules.json")
    await orders.close()
    await orders.begin(an_order(), await orders.standing())

    await orders.close()

    standing = await orders.standing()
    assert isinstance(standing.order, CanaryOrder)
    assert (standing.order.closed, standing.unclosed, standing.open_on(LIVE)) == (True, None, None)
