"""The sends of users who were erased, as the Table has them: under tokens, and found again by the event that asks."""

from collections.abc import Iterator, Sequence

from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.erasures import EventAt, EventTokens, Tokens
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.push_send_rows import (
    END_OF_USER,
    ERASED_TOPIC,
    UNREADABLE_ROW,
    erased_row,
    erased_user,
    tokens_of,
)
from saving_alerts.worker.push_sends_store import PushSendsStore


class ErasedSends:
    """What stands in the store under the tokens of one secret."""

    def __init__(self, tokens: Tokens, store: PushSendsStore) -> None:
        self._tokens = tokens
        self._store = store

    def of(self, user_id: str, event: EventAt | None, sends: Sequence[PushSend]) -> list[PushSend | Unreadable]:
        """What was sent to the user before. It has the texts of `event` and of `sends`, and tokens for all others."""
        found = self._store.of(erased_user(self._tokens.of_user(user_id)))
        if not found:
            return []
        events = (*((event,) if event else ()), *map(event_at, sends))
        known = [(self._tokens.of_event(user_id, each), each) for each in events]
        positions = {tokens.position: each.position for tokens, each in known}
        texts = {tokens.event_id: each.event_id for tokens, each in known}
        texts.update({tokens.merchant_id: each.merchant_id for tokens, each in known})
        return [_found_again(each, positions, texts) for each in found]

    def keys_for(self, user_id: str, said: tuple[PushSend, ...] | Unreadable) -> Iterator[bytes]:
        """The keys under tokens of what one key of the user says. What nobody can read refuses as before."""
        user = erased_user(self._tokens.of_user(user_id))
        if isinstance(said, Unreadable):
            yield user + END_OF_USER + UNREADABLE_ROW
            return
        for send in said:
            tokens = self._tokens.of_event(user_id, event_at(send))
            yield erased_row(tokens, send).key(user)


def event_at(send: PushSend) -> EventAt:
    return EventAt(send.position, send.event_id, send.merchant_id)


def _found_again(
    found: PushSend | Unreadable, positions: dict[str, SourcePosition], texts: dict[str, str]
) -> PushSend | Unreadable:
    tokens = found if isinstance(found, Unreadable) else tokens_of(found)
    if isinstance(tokens, Unreadable) or isinstance(found, Unreadable):
        return Unreadable(str(tokens))
    return PushSend(
        merchant_id=texts.get(tokens.merchant_id, tokens.merchant_id),
        sent_at=found.sent_at,
        position=positions.get(tokens.position) or _unknown(tokens),
        event_id=texts.get(tokens.event_id, tokens.event_id),
        uncertain=found.uncertain,
        control=found.control,
    )


def _unknown(tokens: EventTokens) -> SourcePosition:
    """No topic of Kafka has a colon in its name."""
    return SourcePosition(f"{ERASED_TOPIC}:{tokens.position}", 0, 0)
