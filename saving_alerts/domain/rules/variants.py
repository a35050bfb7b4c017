"""Which of the texts of a rule a user reads: always the same one, and as many users each as its weight says."""

import hashlib
from math import log

from saving_alerts.domain.rules.messages import Message, Variant

_HASH_BYTES = 8
_HASH_RANGE: int = 256**_HASH_BYTES


def text_for(message: Message, user_id: str) -> tuple[str | None, Message]:
    """The id of the user's variant and its texts; None and the message itself where it has no variants.

    It depends on the salt, the user, and the ids and weights of the variants, not on their order. Where a weight grows,
    users come to that variant only; where a variant is taken away, its users spread over the others, and nobody else
    moves (weighted rendezvous hashing).
    """
    if not message.variants:
        return None, message
    chosen = min(message.variants, key=lambda each: _distance(each, message.salt, user_id))
    return chosen.id, chosen.message


def shares(message: Message) -> dict[str, float]:
    """Which part of the users reads each variant, by its id."""
    whole = sum(each.weight for each in message.variants)
    return {each.id: each.weight / whole for each in message.variants}


def _distance(variant: Variant, salt: str, user_id: str) -> float:
    # Not the hash of the rollout: who is in it would all read one text.
    drawn = f"variant\n{salt}\n{variant.id}\n{user_id}".encode()
    share = (int.from_bytes(hashlib.blake2b(drawn, digest_size=_HASH_BYTES).digest()) + 0.5) / _HASH_RANGE
    return -log(share) / variant.weight
