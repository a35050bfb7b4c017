"""The four agents, each between two topics.

    saving-events ──validate──▶ validated ──query_coupons──▶ candidates
                  ──evaluate_rules──▶ alerts ──dispatch_push──▶ push API

Every agent also writes to `decisions`, because every event ends in one, and to `dead-letters`.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import faust
from faust.streams import Stream
from faust.types import StreamT

from saving_alerts.delivery.batches import BatchSchema
from saving_alerts.delivery.stage_runner import StageRunner
from saving_alerts.domain.decisions import Stage
from saving_alerts.kafka.topics import Topics


def _batches(stream: StreamT[Any]) -> AsyncIterator[Any]:
    """Acknowledging is the stage's: Faust's own acknowledgement would come before the work is done."""
    return aiter(cast("Stream[Any]", stream).noack().events())


def add_agents(app: faust.App, topics: Topics, stage: Callable[[Stage], StageRunner]) -> None:
    """Add the four agents to the app. Each takes its batches at once and never waits.

    `stage` is asked when an agent starts: the stages are there by then, not before.
    """

    def batches_of(read_by: Stage) -> faust.TopicT:
        return app.topic(topics.inputs[read_by].name, schema=BatchSchema())

    @app.agent(batches_of(Stage.VALIDATE), name="validate")
    async def validate(stream: StreamT[Any]) -> None:
        """Let only fresh triggers of consenting users pass."""
        await stage(Stage.VALIDATE).run(_batches(stream))

    @app.agent(batches_of(Stage.QUERY_COUPONS), name="query_coupons")
    async def query_coupons(stream: StreamT[Any]) -> None:
        """Ask the Coupon API what the user could save at this merchant."""
        await stage(Stage.QUERY_COUPONS).run(_batches(stream))

    @app.agent(batches_of(Stage.EVALUATE_RULES), name="evaluate_rules")
    async def evaluate_rules(stream: StreamT[Any]) -> None:
        """Let the product managers' rules choose a coupon and a message."""
        await stage(Stage.EVALUATE_RULES).run(_batches(stream))

    @app.agent(batches_of(Stage.DISPATCH_PUSH), name="dispatch_push")
    async def dispatch_push(stream: StreamT[Any]) -> None:
        """Send the push: once, in time, or not at all."""
        await stage(Stage.DISPATCH_PUSH).run(_batches(stream))
