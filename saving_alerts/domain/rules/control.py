"""Which users are kept back as control, so that whoever gets pushes can be compared with them: always the same ones.

Not used yet: no rules file can ask for it (docs/adr/0045).
"""

import hashlib

_HASH_BYTES = 8
_HASH_RANGE: int = 256**_HASH_BYTES
_ALL = 100


def is_control(percent: float, salt: str, user_id: str) -> bool:
    """Whether the user is among the `percent` of all users that are kept back with this salt.

    Who is kept back stays so while the percentage grows. Another salt chooses others, independently.
    """
    # Neither the hash of the rollout nor that of the texts: a rollout's first users would all be control.
    drawn = hashlib.blake2b(f"control\n{salt}\n{user_id}".encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(drawn) * _ALL < percent * _HASH_RANGE


def together(of_the_file: float, of_the_rule: float) -> float:
    """How many percent are control for a rule: whoever is so for the file or for the rule, by two salts."""
    return _ALL - (_ALL - of_the_file) * (_ALL - of_the_rule) / _ALL
