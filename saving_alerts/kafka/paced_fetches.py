"""When a consumer of this process asks a broker for more: two faults of aiokafka are mended, and fetches have a pace.

aiokafka has one fetch under way at each broker, for all partitions that it leads. Whenever a fetch has ended, or
records were taken, it looks anew what to ask for.

- What was fetched of a partition that nobody wants now (its stage has enough, or it is the changelog of a Table that
  is known) keeps back the next fetch from that broker, of all partitions, for 100 ms: somebody might take it.
- Where records are taken two turns of the event loop before a fetch ends, aiokafka believes that it is still under
  way, forgets about it, and looks again after 200 ms.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import consumer, fetcher
from aiokafka.consumer.subscription_state import Assignment

USED = ("_proc_fetch_request", "_get_actions_per_node", "_notify")


class PacedFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """aiokafka's. `wanted`: the partitions of which records are taken now; None: of all.

    `pace_seconds`: from one fetch to the next at a broker, where there were records. Many events come one by one, and a
    fetch for each of them costs more than they do. Where they are further apart nothing waits.
    """

    wanted: Collection[TopicPartition] | None = None
    pace_seconds = 0.0
    _records: Mapping[TopicPartition, Any]

    def _get_actions_per_node(self, assignment: Assignment) -> Any:  # noqa: ANN401 - aiokafka's
        if self.wanted is not None:
            for partition in self._records.keys() - self.wanted:
                self._records[partition]._backoff = 0  # noqa: SLF001 - no longer waited for
        return super()._get_actions_per_node(assignment)

    async def _proc_fetch_request(self, assignment: Assignment, node_id: int, request: Any) -> bool:  # noqa: ANN401
        """Whether there are new records of which nobody was told yet."""
        loop = asyncio.get_running_loop()
        next_at = loop.time() + self.pace_seconds
        found = bool(await super()._proc_fetch_request(assignment, node_id, request))
        if found and (early := next_at - loop.time()) > 0:
            self._tell_who_waits()
            await self._wait(early)
        loop.call_soon(loop.call_soon, self._look_again)
        return found

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            """As aiokafka: the assignment ends, and it waits for this fetch."""

    def _tell_who_waits(self) -> None:
        for waiter in self._fetch_waiters:
            self._notify(waiter)

    def _look_again(self) -> None:
        """A turn after the fetch has ended: from then on aiokafka knows that it has."""
        self._notify(self._wait_consume_future)


def use_for_aiokafka() -> None:
    """Patch aiokafka for all consumers of this process. Raises ImportError if this release has no such methods."""
    if missing := [name for name in USED if not hasattr(fetcher.Fetcher, name)]:
        raise ImportError(f"this release of aiokafka is not supported: Fetcher.{', '.join(missing)} not found")
    consumer.Fetcher = PacedFetcher
