"""Whether Kafka still takes our login and still allows what a worker does.

Connections that stand go on after a password was changed or a certificate has run out, and the driver says only to its
log why it gets no new one. So this logs in anew, now and then, and asks what is allowed.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from mode import Service

from saving_alerts.kafka.connection import KafkaFailedError

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0  # a look costs one connection and three small requests
# So long a look tries what may be temporary: a broker that restarts is missed for about as long.
PATIENCE_SECONDS = 5.0


class KafkaAccess(Service):
    """`problem` says what is wrong, and what to do; None while all is well. `look` may raise KafkaFailedError.

    `since` is when the first look began that found a problem: a Kafka that is gone was gone before a look gives up.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[str | None]],
        look_seconds: float = LOOK_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self._look = look
        self._look_seconds = look_seconds
        self._now = now
        self.problem: str | None = None
        self.since: datetime | None = None

    async def on_start(self) -> None:
        self.add_future(self._watch())

    async def _watch(self) -> None:
        while not self.should_stop:
            begun_at = self._now()
            self._note(await self._found(), begun_at)
            await self.sleep(self._look_seconds)

    async def _found(self) -> str | None:
        try:
            return await self._look()
        except KafkaFailedError as error:
            return str(error)

    def _note(self, problem: str | None, begun_at: datetime) -> None:
        if problem is not None and problem != self.problem:
            log.error("%s", problem)
        elif problem is None and self.problem is not None:
            log.warning("Kafka takes our login and allows what a worker does again")
        self.since = (self.since or begun_at) if problem is not None else None
        self.problem = problem
