"""Which users are kept back as control, so that whoever gets pushes can be compared with them: always the same ones."""

import hashlib
from typing import NamedTuple

_HASH_BYTES = 8
_HASH_RANGE: int = 256**_HASH_BYTES
_ALL = 100


class Control(NamedTuple):
    """How many percent of the users are kept back, of the file or of one rule, and the salt that chooses them."""

    percent: float
    salt: str


class Arm(NamedTuple):
    """`is_control`: the user is kept back. `percent` of the users are, by file and rule together."""

    is_control: bool
    percent: float


def arm_of(user_id: str, of_the_file: Control | None, of_the_rule: Control | None) -> Arm | None:
    """On which side of the comparison a user is; None where nobody is kept back."""
    controls = [each for each in (of_the_file, of_the_rule) if each is not None]
    if not controls:
        return None
    kept_back = any(is_control(each.percent, each.salt, user_id) for each in controls)
    percents = [each.percent for each in controls]
    return Arm(kept_back, together(*percents) if len(percents) > 1 else percents[0])


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
