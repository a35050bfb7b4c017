"""Which users the new rules are tried on: always the same ones while they are tried."""

import hashlib

_HASH_BYTES = 8
_HASH_RANGE: int = 256**_HASH_BYTES
_ALL = 100


def is_in_canary(percent: float, version: str, user_id: str) -> bool:
    """Whether the user is among the `percent` of all users that get the rules of this version.

    Who is stays so while the percentage grows. Another version is tried on others.
    """
    # Neither the hash of the rollout nor those of control and texts: the first users of a rollout would all be in it.
    drawn = hashlib.blake2b(f"canary\n{version}\n{user_id}".encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(drawn) * _ALL < percent * _HASH_RANGE
