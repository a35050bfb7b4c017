"""The decision's id in a link: the link stays allowed, and leads where it led."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from saving_alerts.domain.results.links import MAX_LINK_CHARACTERS, with_parameter
from saving_alerts.domain.rules.deep_links import link_problem

ID = "c1f0a2b3d4e5f60718293a4b"
HOSTS, SCHEMES = ("shop.example", "bücher.example"), frozenset({"shopapp"})
beginnings = st.sampled_from(
    [
        "https://shop.example",
        "HTTPS://Shop.Example:443",
        "https://bücher.example",
        "shopapp://c",
        "shopapp:x",
    ]
)
parts = st.sampled_from([*"abz09/?#&=;:.-_~ü@!'", "%25", "%2F", "%3F", "alert", "alert=1"])
rests = st.lists(parts, max_size=20).map("".join)


@pytest.mark.parametrize(
    ("link", "longer"),
    [
        ("https://shop.example", f"https://shop.example?alert={ID}"),
        ("https://shop.example/c/9", f"https://shop.example/c/9?alert={ID}"),
        ("https://shop.example/c?id=9", f"https://shop.example/c?id=9&alert={ID}"),
        ("https://shop.example/c?", f"https://shop.example/c?alert={ID}"),
        ("https://shop.example/c?id=9&", f"https://shop.example/c?id=9&alert={ID}"),
        ("https://shop.example/#top", f"https://shop.example/?alert={ID}#top"),
        ("https://shop.example/#a?b#c", f"https://shop.example/?alert={ID}#a?b#c"),
        ("shopapp://coupon/9", f"shopapp://coupon/9?alert={ID}"),
    ],
)
def test_the_id_stands_in_the_query(link: str, longer: str) -> None:
    assert with_parameter(link, "alert", ID) == longer


@pytest.mark.parametrize(
    "link",
    [
        "https://shop.example/?alert=theirs",
        "https://shop.example/?a=b&alert",
        "shopapp:coupon",
        "https://shop.example/" + "x" * (MAX_LINK_CHARACTERS - 30),
    ],
    ids=["it has one", "it has an empty one", "what is behind the scheme is the app's own", "too long"],
)
def test_a_link_without_room_for_it_stays_as_it_is(link: str) -> None:
    assert with_parameter(link, "alert", ID) == link


def test_without_a_name_no_link_changes() -> None:
    assert with_parameter("https://shop.example/", None, ID) == "https://shop.example/"


@given(beginnings, st.sampled_from(["", "/", "?", "#"]), rests)
@example("https://shop.example", "?", "#")
@example("https://shop.example", "/", "%2F?%23")
@example("shopapp://c", "#", "?alert=1")
@example("shopapp://c", "", "&")
@example("https://shop.example", "?", "?")
def test_what_was_allowed_stays_allowed_and_leads_to_the_same_place(beginning: str, sign: str, rest: str) -> None:
    link = beginning + sign + rest
    assume(link_problem(link, HOSTS, SCHEMES) is None)

    longer = with_parameter(link, "alert", ID)

    before, after = urlsplit(link), urlsplit(longer)
    assert link_problem(longer, HOSTS, SCHEMES) is None
    assert (after.scheme, after.netloc, after.path, after.fragment) == (
        before.scheme,
        before.netloc,
        before.path,
        before.fragment,
    )
    assert after.query.startswith(before.query)
    assert longer == link or ("alert", ID) in parse_qsl(after.query, separator="&")
