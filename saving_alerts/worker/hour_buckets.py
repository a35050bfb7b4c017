"""Users by the hour of a send, so that those whose sends are too old are found without a look at all others."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from saving_alerts.domain.push_sends import REMEMBERED
from saving_alerts.kafka.push_send_rows import MICROSECOND

_HOUR = timedelta(hours=1) // MICROSECOND
_REMEMBERED = REMEMBERED // MICROSECOND
# Users that are gone are still in their buckets. When more than so many are, for each that is there, those are removed.
_MOST_GONE = 0.25
_FEWEST_GONE = 1000


def is_old(sent_at: int, now: int) -> bool:
    """As `remembered` has it: too long ago, or dated further ahead than a cap looks back."""
    return abs(now - sent_at) >= _REMEMBERED


class HourBuckets:
    """All times are in microseconds since 1970."""

    def __init__(self) -> None:
        self._buckets: dict[int, list[bytes]] = {}
        self._first = 0  # no bucket has an earlier hour
        self._users = 0  # in all buckets; somebody may be in several

    def put(self, user: bytes, sent_at: int, now: int) -> None:
        """To be looked at when a send of this time is too old."""
        hour = 0 if is_old(sent_at, now) else sent_at // _HOUR
        bucket = self._buckets.get(hour)
        if bucket is None:
            bucket = self._buckets[hour] = []
            self._first = min(self._buckets)
        bucket.append(user)
        self._users += 1

    def due(self, now: int, most: int) -> Iterator[bytes]:
        """At most so many users whose time has come, each taken out of its bucket."""
        for _ in range(most):
            if not self._buckets or (self._first + 1) * _HOUR + _REMEMBERED > now:
                return
            bucket = self._buckets[self._first]
            user = bucket.pop()
            self._users -= 1
            if not bucket:
                del self._buckets[self._first]
                self._first = min(self._buckets, default=0)
            yield user

    def clean(self, users: int, is_there: Callable[[bytes], bool]) -> None:
        """To be called when a user has gone. `users`: how many are there."""
        if self._users <= users * (1 + _MOST_GONE) + _FEWEST_GONE:
            return
        for hour, bucket in list(self._buckets.items()):
            self._buckets[hour] = [user for user in dict.fromkeys(bucket) if is_there(user)]
            if not self._buckets[hour]:
                del self._buckets[hour]
        self._first = min(self._buckets, default=0)
        self._users = sum(map(len, self._buckets.values()))
