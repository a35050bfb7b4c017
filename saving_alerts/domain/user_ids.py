"""What a user id is: one spelling for one person. Caps, claims and decisions are by its bytes."""

import unicodedata

# As a segment of a path they lead out of it, whatever the encoding.
PATHS = frozenset({".", ".."})


def user_id_problem(user_id: str) -> str | None:
    """Why a text is no user id; None if it is one. Letter case is part of the id: `u-1` and `U-1` are two users.

    Two texts that look the same on a page would be two users, each with caps of their own: white space, invisible
    characters, and letters that are put together in two ways.
    """
    if user_id.isascii() and user_id.isprintable() and " " not in user_id:
        return path_problem(user_id)
    odd = next((each for each in user_id if each.isspace() or not each.isprintable()), None)
    if odd is not None:
        return f"white space, a control character or an invisible one is in it: U+{ord(odd):04X}"
    return None if unicodedata.is_normalized("NFC", user_id) else "not in the Unicode form NFC"


def path_problem(identifier: str) -> str | None:
    """Why an identifier cannot stand in an address; None if it can."""
    return f"{identifier} cannot be a part of an address" if identifier in PATHS else None
