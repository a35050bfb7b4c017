"""What a worker knows of its users' consent: the Consent port, without Kafka.

What is not known is never taken for a yes. A partition is known while it is certain that all changes are obeyed that
upstream had written a while ago (docs/adr/0034).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from saving_alerts.domain.consent import OptOuts
from saving_alerts.kafka.client import partition_of
from saving_alerts.ports.clock import Clock
from saving_alerts.ports.consent import ConsentReport, NotKnown, OptedOut


@dataclass(frozen=True, slots=True)
class ConsentTerms:
    """Upstream's topic, ours, and the limits: so long after the last look nothing is known any more, and so many
    opt-outs of a partition are kept.
    """

    source: str
    target: str
    stale_seconds: float
    most_opt_outs: int


@dataclass(slots=True)
class FollowedPartition:
    """What was read of one partition, up to where, and until which moment of `monotonic` all changes are obeyed."""

    opt_outs: OptOuts
    next_offset: int = 0
    known_at: float | None = None


class KnownConsent:
    """`among` is the number of partitions of our topic, 0 before it was asked for. `problems` say, each under the name
    of what is the matter, why consent is not followed now; `waits_for` says what the last look waits for.
    """

    def __init__(self, terms: ConsentTerms, clock: Clock, seconds: Callable[[], float] = monotonic) -> None:
        self.terms = terms
        self.among = 0
        self.partitions: dict[int, FollowedPartition] = {}
        self.problems: dict[str, str] = {}
        self.waits_for = ""
        self._clock = clock
        self._seconds = seconds
        self._became_known: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    def follow(self, numbers: Iterable[int]) -> None:
        """These from now on, and no others. Of those that stay, what is known stays."""
        self.partitions = {
            number: self.partitions.get(number) or FollowedPartition(OptOuts(self.among, self.terms.most_opt_outs))
            for number in sorted(numbers)
        }

    def still_followed(self, partitions: Mapping[int, FollowedPartition]) -> dict[int, FollowedPartition]:
        """Of these as they were followed at some time, those that have been followed ever since."""
        return {number: each for number, each in partitions.items() if self.partitions.get(number) is each}

    def obeyed(self, partitions: Mapping[int, FollowedPartition], at: float) -> None:
        """All that upstream had written at this moment is obeyed in them, if they have been followed ever since."""
        for number, followed in self.still_followed(partitions).items():
            followed.known_at = at
            self._became_known.pop(number, asyncio.Event()).set()

    async def wait_until_known(self, user_id: str, deadline: datetime) -> None:
        number = self._partition_of(user_id)
        while not self._is_known(number) and (left := (deadline - self._clock.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._became_known[number].wait()

    def against(self, user_id: str) -> OptedOut | NotKnown | None:
        number = self._partition_of(user_id)
        followed = self.partitions.get(number)
        if followed is None or not self._is_known(number):
            return NotKnown(f"{self.terms.target} {number}: {self._why_not_known}")
        why = followed.opt_outs.reason_against(user_id.encode())
        return None if why is None else OptedOut(f"{why} ({self.terms.source})")

    def report(self, owned: Iterable[int] = ()) -> ConsentReport:
        """`owned` are this worker's partitions now, of which some may not be followed yet."""
        partitions = self.partitions.items()
        known_at = {number: at for number, followed in partitions if (at := followed.known_at) is not None}
        numbers = sorted({*self.partitions, *owned})
        return ConsentReport(
            opt_outs=sum(len(followed.opt_outs) for _, followed in partitions),
            unread=tuple(number for number in numbers if number not in known_at),
            unknown=tuple(number for number in numbers if not self._is_known(number)),
            waits_for=self.waits_for,
            problem=self._problem,
            everyone={number: why for number, followed in partitions if (why := followed.opt_outs.everyone)},
            age_seconds=self._seconds() - min(known_at.values()) if known_at else None,
        )

    @property
    def _why_not_known(self) -> str:
        return self._problem or f"waits until {self.waits_for or 'it is read'}"

    @property
    def _problem(self) -> str | None:
        return "; ".join(self.problems.values()) or None

    def _partition_of(self, user_id: str) -> int:
        return partition_of(user_id.encode(), self.among) if self.among else 0

    def _is_known(self, number: int) -> bool:
        followed = self.partitions.get(number)
        known_at = followed.known_at if followed else None
        return known_at is not None and self._seconds() - known_at <= self.terms.stale_seconds
