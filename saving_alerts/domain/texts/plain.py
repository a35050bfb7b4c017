"""Names that others wrote, fit to be shown on a phone: without control characters, closed, and never cut in a grapheme.

A grapheme is what a reader takes for one character: a letter with its marks, a flag, a family.
"""

from functools import lru_cache

import regex

# Of a name or title. A phone shows 240 characters of a text; the rest is not even cleaned.
MAX_CHARACTERS = 1_000
# Isolates within isolates: names have one, if any.
MAX_DEPTH = 4
ELLIPSIS = "…"
_REMEMBERED = 1024  # names of merchants, most of which come again
_OPENERS = "\u2066\u2067\u2068"  # left-to-right, right-to-left, first strong isolate
_FIRST_STRONG, _CLOSER = "\u2068", "\u2069"
_GRAPHEME = regex.compile(r"\X")
_LINE_ENDS_AND_TABS = regex.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# Control characters, halves of characters, and what changes the direction of all that follows it in the whole text.
_NEVER_SHOWN = regex.compile(r"[\p{Cc}\p{Cs}\u202a-\u202e\u206a-\u206f\ufff9-\ufffb\ufeff]")
_RIGHT_TO_LEFT = regex.compile(r"[\p{Bidi_Class=R}\p{Bidi_Class=AL}\p{Bidi_Class=AN}]")
_ISOLATES = regex.compile(f"[{_OPENERS}{_CLOSER}]")


def plain(name: str) -> str:
    """The name in one line without control characters, every isolate closed. Empty if nothing is left of it."""
    if name.isascii() and name.isprintable() and len(name) <= MAX_CHARACTERS:
        return name.strip()
    return _plain(_beginning(name, MAX_CHARACTERS))


def filled_in(value: str, around: str) -> str:
    """The value as it is put into a text: isolated if one of the two is written from right to left.

    Else the reading direction of the one would move parts of the other.
    """
    if not (is_right_to_left(value) or is_right_to_left(around)):
        return value
    return f"{_FIRST_STRONG}{value}{_CLOSER}" if value else value


def is_right_to_left(text: str) -> bool:
    """Whether any of it is."""
    return not text.isascii() and _is_right_to_left(text)


@lru_cache(maxsize=_REMEMBERED)
def _is_right_to_left(text: str) -> bool:
    return _RIGHT_TO_LEFT.search(text) is not None


def cut(text: str, characters: int) -> str:
    """At most so many characters (code points), cut between graphemes, with its isolates closed and an ellipsis."""
    if len(text) <= characters:
        return text
    for room in range(characters - len(ELLIPSIS), -1, -1):
        kept = _beginning(text, room).rstrip()
        closers = _CLOSER * _open_isolates(kept)
        if len(kept) + len(closers) < characters:
            return kept + closers + ELLIPSIS
    return ELLIPSIS


def _beginning(text: str, characters: int) -> str:
    """The graphemes that fit whole."""
    if len(text) <= characters:
        return text
    end = 0
    for found in _GRAPHEME.finditer(text):
        if found.end() > characters:
            break
        end = found.end()
    return text[:end]


@lru_cache(maxsize=_REMEMBERED)
def _plain(name: str) -> str:
    shown = _NEVER_SHOWN.sub("", _LINE_ENDS_AND_TABS.sub(" ", name)).strip()
    return _closed(shown) if _ISOLATES.search(shown) else shown


def _closed(text: str) -> str:
    """Closers without an opener are left out, and so is what is opened too deep."""
    depth, kept = 0, []
    for sign in text:
        if sign == _CLOSER:
            depth -= 1
            if depth < 0:
                depth = 0
                continue
        elif sign in _OPENERS:
            if depth == MAX_DEPTH:
                continue
            depth += 1
        kept.append(sign)
    return "".join(kept) + _CLOSER * depth


def _open_isolates(text: str) -> int:
    return max(0, sum(text.count(opener) for opener in _OPENERS) - text.count(_CLOSER))
