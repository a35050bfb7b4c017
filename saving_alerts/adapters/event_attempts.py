"""Whose failure it is when a request for an event fails: the event's, or that of an API which answers nobody. Pure.

Requests are numbered in the order in which they begin, so that no clock can confuse them.
"""

from saving_alerts.domain.failed_asks import FailedAsks

# With less time left than this an attempt is not worth its request; timers are not more exact either.
SHORTEST_SECONDS = 0.01


class RequestOrder:
    """All requests of one API: which began last, and which of those that were answered began last."""

    def __init__(self) -> None:
        self.last_begun = 0
        self._last_answered = 0

    def begin(self) -> int:
        """The number of a request that starts now."""
        self.last_begun += 1
        return self.last_begun

    def answered(self, number: int) -> None:
        self._last_answered = max(self._last_answered, number)

    def any_answered_after(self, number: int) -> bool:
        """Whether the API has answered a request that began after this one."""
        return self._last_answered > number


class EventAttempts:
    """The attempts for one event; those that count are at most `at_most`, and take at most `seconds` together.

    A failure counts if the API has answered another request that began after the event's failure before, or after
    this attempt where it is the first. Of a whole outage, however long, at most two failures count so: of an attempt
    that began before it, and of one that failed after it. Moments are seconds of any clock that does not go back.
    """

    def __init__(self, order: RequestOrder, at_most: int, seconds: float) -> None:
        self._order = order
        self._at_most = at_most
        self._counted = 0
        self._began_at = 0.0
        self._evidence_since: int | None = None
        self.number = 0
        self.failures = 0
        self.seconds_left = seconds
        self.failed_asks: FailedAsks = {}

    @property
    def are_used_up(self) -> bool:
        """Whether the event has failed: so many attempts failed although others are answered."""
        return self._counted >= self._at_most or self.seconds_left < SHORTEST_SECONDS

    def begin(self, moment: float) -> None:
        """An attempt starts; it gets the next `number`."""
        self.number, self._began_at = self._order.begin(), moment
        if self._evidence_since is None:
            self._evidence_since = self.number

    def failed(self, moment: float) -> None:
        """The attempt failed."""
        self.failures += 1
        if self._evidence_since is not None and self._order.any_answered_after(self._evidence_since):
            self._counted += 1
            self.seconds_left -= moment - self._began_at
        self._evidence_since = self._order.last_begun

    def throttled(self) -> None:
        """The API wants nobody to ask now: that counts for nothing, and what it answered before is no evidence."""
        self._evidence_since = None
