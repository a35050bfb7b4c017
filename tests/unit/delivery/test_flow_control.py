"""Flow control per partition, on a consumer of Faust's."""

from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from aiokafka import TopicPartition
from faust.types import TP

from saving_alerts.delivery.consumer import BatchConsumer, BatchTransport
from saving_alerts.delivery.flow_control import ConsumerFlowControl


class NoBrokerApp(faust.App):
    """An app whose consumer is never started."""

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)


@pytest.mark.asyncio
async def test_a_partition_that_was_stopped_and_resumed_is_one_of_faust_s_again() -> None:
    app = NoBrokerApp("flow-control", broker="kafka://127.0.0.1:1")
    consumer = cast("BatchConsumer", app.consumer)
    consumer._set_active_tps({TP("events", 0), TP("events", 1)})
    flow_control = ConsumerFlowControl(app)
    driver_s_own = TopicPartition("events", 0)

    flow_control.stop(driver_s_own)
    stopped = set(consumer._get_active_partitions())
    flow_control.resume(driver_s_own)

    assert stopped == {TP("events", 1)}
    assert consumer._get_active_partitions() == {TP("events", 0), TP("events", 1)}


@pytest.mark.parametrize(("generation", "is_current"), [(2, False), (3, True), (4, False)])
def test_a_message_of_another_assignment_is_not_current(generation: int, *, is_current: bool) -> None:
    """What came before a rebalance is read again after it, perhaps by another worker."""
    app = NoBrokerApp("flow-control", broker="kafka://127.0.0.1:1")
    app.consumer_generation_id = 3
    message = SimpleNamespace(tp=TP("events", 0), generation_id=generation)

    assert ConsumerFlowControl(app).is_current(cast("Any", message)) is is_current
