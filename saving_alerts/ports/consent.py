"""Who has opted out of pushes, beside what the event said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OptedOut:
    """No push may be sent to the user. `why` is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Nobody can say now whether the user has opted out. `why` says what is waited for."""

    why: str


class Consent(Protocol):
    """The consent of the users of this worker's partitions, as upstream's topic of changes tells it."""

    async def wait_until_known(self, user_id: str, deadline: datetime) -> None:
        """Return when it is known for the user, at the latest at the deadline. Who waits holds no claim."""

    def against(self, user_id: str) -> OptedOut | NotKnown | None:
        """What stands against a push to the user now; None if it may be sent. Never waits."""


class AsTheEventSaid:
    """No topic of changes: the event's own consent was looked at when it was read."""

    async def wait_until_known(self, user_id: str, deadline: datetime) -> None:
        """Known."""

    def against(self, user_id: str) -> OptedOut | NotKnown | None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class ConsentReport:
    """How well consent is known to this worker. `problem` says why it is not followed now.

    `unread` are its partitions that were never read to their end, `unknown` those of which it is not certain now that
    all recent changes are obeyed. `everyone` says, by partition, why all users count as opted out.
    """

    opt_outs: int
    unread: tuple[int, ...]
    unknown: tuple[int, ...]
    waits_for: str
    problem: str | None
    everyone: dict[int, str]
    age_seconds: float | None
