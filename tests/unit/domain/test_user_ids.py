"""One spelling for one person: what looks the same on a page is not two users with caps of their own."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.user_ids import path_problem, user_id_problem


@pytest.mark.parametrize(
    "user_id",
    [
        "u-42",
        "U-42",
        "0192f0c1-5b7e-7d3a-9c54-6f1f0a3f2b11",
        "a@b.example",
        "a/b",
        "...",
        "m\xfcller",
        "\u6771\u4eac",
        "a%2Fb",
    ],
)
def test_a_user_id(user_id: str) -> None:
    assert user_id_problem(user_id) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (".", ". cannot be a part of an address"),
        ("..", ".. cannot be a part of an address"),
        (" u-42", "U+0020"),
        ("u-42 ", "U+0020"),
        ("u 42", "U+0020"),
        ("u-42\n", "U+000A"),
        ("u-42\t", "U+0009"),
        ("u-42\x00", "U+0000"),
        ("u-42\xa0", "U+00A0"),
        ("u-42\u3000", "U+3000"),
        ("u-42\u200b", "U+200B"),
        ("\ufeffu-42", "U+FEFF"),
        ("u\xad42", "U+00AD"),
        ("\u202eu-42", "U+202E"),
        ("u-42\ue000", "U+E000"),
        ("mu\u0308ller", "not in the Unicode form NFC"),
        ("\u212b", "not in the Unicode form NFC"),
    ],
    ids=ascii,
)
def test_no_user_id(text: str, why: str) -> None:
    assert (user_id_problem(text) or "").endswith(why)


@given(st.text(min_size=1, max_size=128))
def test_of_all_texts_that_look_the_same_one_at_most_is_a_user_id(text: str) -> None:
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    looks = {text, *forms, f"{text} ", f"{text}\u200b", text.strip()}
    same = {each for each in looks if unicodedata.normalize("NFC", each.strip().strip("\u200b")) == text.strip()}

    assert len({each for each in same if each and user_id_problem(each) is None}) <= 1


def test_two_identifiers_lead_out_of_an_address() -> None:
    assert [each for each in (".", "..", "...", "a") if path_problem(each)] == [".", ".."]
