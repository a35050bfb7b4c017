"""How the variable of a setting is called.

Apart from the settings, so that a command that needs none finds out without pydantic whether there are any.
"""

from collections.abc import Iterable

PREFIX = "SAVING_ALERTS_"


def variable(field: str) -> str:
    return PREFIX + field.upper()


def any_of_ours(environment: Iterable[str]) -> bool:
    return any(name.startswith(PREFIX) for name in environment)
