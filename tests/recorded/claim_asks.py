"""What a worker may ask about a user's claims, and the answers in words: the same for every state and every release."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.ports.throttle import (
    AlreadySent,
    BudgetSpent,
    Busy,
    CapReached,
    Claim,
    DuplicateOf,
    Granted,
    OtherDay,
    Outbid,
    Outnumbered,
    Reservation,
    Throttle,
)

INCARNATION = "worker-a"
NO_CAPS: tuple[Cap, ...] = ()
DAILY = (Cap(CapPer.USER, 1, 24),)
DAILY_PER_MERCHANT = (Cap(CapPer.USER_AND_MERCHANT, 1, 24),)
_MILLISECOND = timedelta(milliseconds=1)

Ask = Callable[[Throttle, str, datetime], Awaitable[str]]


def claim_of(
    user_id: str,
    offset: int = 7,
    *,
    incarnation: str = INCARNATION,
    number: int = 1,
    event_id: str | None = None,
    merchant_id: str = "m-1",
) -> Claim:
    """The claim that every state is about, or one that differs from it as said."""
    position = SourcePosition("saving-events", 3, offset)
    return Claim(user_id, merchant_id, event_id or f"event-{offset}", position, incarnation, number)


def _reserve(caps: tuple[Cap, ...], offset: int = 7, **changes: object) -> Ask:
    async def ask(throttle: Throttle, user_id: str, now: datetime) -> str:
        claim = claim_of(user_id, offset, **changes)  # type: ignore[arg-type] # the names above
        return _in_words(await throttle.reserve(claim, caps), now)

    return ask


def _renew(number: int) -> Ask:
    async def ask(throttle: Throttle, user_id: str, _now: datetime) -> str:
        return "lost" if await throttle.renew(claim_of(user_id, number=number)) is None else "renewed"

    return ask


def _release(incarnation: str) -> Ask:
    async def ask(throttle: Throttle, user_id: str, _now: datetime) -> str:
        return "released" if await throttle.release(claim_of(user_id, incarnation=incarnation)) else "stays charged"

    return ask


def _confirm(*, uncertain: bool) -> Ask:
    """How the position stands afterwards, and since when if it stood so before."""

    async def ask(throttle: Throttle, user_id: str, now: datetime) -> str:
        await throttle.confirm(claim_of(user_id), uncertain=uncertain)
        answer = await throttle.reserve(claim_of(user_id, number=2), NO_CAPS)
        words = _in_words(answer, now)
        return words if isinstance(answer, AlreadySent) and answer.sent_at < now else words.split(" at ")[0]

    return ask


def _in_words(answer: Reservation, now: datetime) -> str:
    """Times in milliseconds from the moment the state was recorded, where the value says them."""
    match answer:
        case Outnumbered() | BudgetSpent() | OtherDay():  # nothing that is recorded has a budget
            return "was released" if isinstance(answer, Outnumbered) else type(answer).__name__
        case Granted():
            return "granted, taken over" if answer.taken_over else "granted"
        case AlreadySent():
            sent = "may have been sent" if answer.uncertain else "sent"
            return f"{sent} at {_from(now, answer.sent_at)}"
        case DuplicateOf() | Outbid():
            what = "outbid by" if isinstance(answer, Outbid) else "duplicate of"
            return f"{what} {answer.position}"
        case CapReached():
            return f"capped by {answer.cap} until {_from(now, answer.until)}"
        case Busy():
            whose = "by its own position" if answer.own_position else "by another"
            return f"busy {whose} until {_from(now, answer.until)}"


def _from(now: datetime, moment: datetime) -> str:
    return f"{round((moment - now) / _MILLISECOND):+d} ms"


@dataclass(frozen=True, slots=True)
class Named:
    """One question, by the name under which its answer is recorded."""

    name: str
    ask: Ask


ASKS = (
    Named("reserve again", _reserve(DAILY)),
    Named("reserve after a restart of the task", _reserve(DAILY, number=2)),
    Named("reserve by another worker", _reserve(DAILY, incarnation="worker-b")),
    Named("reserve for another event", _reserve(NO_CAPS, 8)),
    Named("reserve for another event, one a day", _reserve(DAILY, 8)),
    Named("reserve at another merchant, one a day and merchant", _reserve(DAILY_PER_MERCHANT, 8, merchant_id="m-2")),
    Named("reserve for the same event elsewhere", _reserve(DAILY, 9, event_id="event-7")),
    Named("renew", _renew(1)),
    Named("renew after a restart of the task", _renew(2)),
    Named("release", _release(INCARNATION)),
    Named("release by another worker", _release("worker-b")),
    Named("confirm", _confirm(uncertain=False)),
    Named("confirm as uncertain", _confirm(uncertain=True)),
)
