"""Names of many scripts, as a phone can show them."""

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.texts.plain import ELLIPSIS, MAX_CHARACTERS, cut, filled_in, plain
from tests.support.names_of_many_scripts import NAMES

OPENERS, CLOSER = "\u2066\u2067\u2068", "\u2069"
TURNERS = set("\u202a\u202b\u202c\u202d\u202e")
PIECES = [*NAMES[:150], "a", "e\u0301", "\u2067", "\u2068", "\u2069", "\n", "\u202e", "\x1b", " ", "\u0600"]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=120).map("".join)


def isolates_are_closed(text: str) -> bool:
    depth = 0
    for sign in text:
        depth += (sign in OPENERS) - (sign == CLOSER)
        if depth < 0:
            return False
    return depth == 0


def has_what_no_phone_shows(text: str) -> bool:
    return any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} or sign in TURNERS for sign in text)


def is_whole(shown: str, text: str) -> bool:
    """Whether it is the text, or some of its graphemes from the beginning, but for what closes it."""
    kept = shown.removesuffix(ELLIPSIS).rstrip(CLOSER)
    graphemes = regex.findall(r"\X", text)
    beginnings = {"".join(graphemes[:count]).rstrip().rstrip(CLOSER) for count in range(len(graphemes) + 1)}
    return shown == text or kept in beginnings


def test_there_are_over_200_names() -> None:
    assert len(NAMES) > 200


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_shown_whole_and_closed_without_control_characters(name: str) -> None:
    shown = plain(name)

    assert not has_what_no_phone_shows(shown)
    assert isolates_are_closed(shown)
    assert len(shown) <= MAX_CHARACTERS + 4
    for limit in (1, 2, 5, 20, 80):
        short = cut(shown, limit)
        assert len(short) <= limit
        assert is_whole(short, shown)
        assert isolates_are_closed(short)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Shop", "Shop"),
        ("  Shop ", "Shop"),
        ("Shop\r\nFree iPhone", "Shop Free iPhone"),
        ("\x1b[31mred", "[31mred"),
        ("\u202eShop", "Shop"),
        ("\u2066Shop", "\u2066Shop\u2069"),
        ("Shop\u2069", "Shop"),
        ("\u2067אב\u2069 Shop", "\u2067אב\u2069 Shop"),
        ("\n\x00", ""),
        ("خانه\u200cی", "خانه\u200cی"),
    ],
)
def test_a_name_becomes_plain(name: str, shown: str) -> None:
    assert plain(name) == shown


@pytest.mark.parametrize(
    ("value", "around", "shown"),
    [
        ("Shop", "$discount at $merchant", "Shop"),
        ("Bäckerei", "$discount at $merchant", "Bäckerei"),
        ("אבג", "$discount at $merchant", "\u2068אבג\u2069"),
        ("IKEA", "$discount ב-$merchant", "\u2068IKEA\u2069"),
        ("", "$discount ב-$merchant", ""),
    ],
)
def test_what_is_read_from_the_other_side_is_isolated(value: str, around: str, shown: str) -> None:
    assert filled_in(value, around) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("Shop", 4, "Shop"),
        ("Shops", 4, "Sho…"),
        ("ab de\u0301f", 6, "ab d…"),
        ("👨‍👩‍👧 Family", 5, "…"),
        ("🇩🇪🇫🇷🇮🇹", 4, "🇩🇪…"),
        ("\u2067אבגדה\u2069", 5, "\u2067אב\u2069…"),
    ],
)
def test_a_text_is_cut_between_graphemes(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown


@given(text=texts, limit=st.integers(1, 100))
def test_no_text_is_cut_in_a_grapheme_or_left_open(text: str, limit: int) -> None:
    shown = plain(text)
    short = cut(shown, limit)

    assert not has_what_no_phone_shows(short)
    assert isolates_are_closed(short)
    assert len(short) <= limit
    assert is_whole(short, shown)
