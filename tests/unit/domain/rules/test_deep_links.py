"""Where a push may lead. Each refused link would have led somewhere else, for some phone or some reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.rules.deep_links import NEVER_SCHEMES, are_plainly_allowed, link_problem

HOSTS = ("shop.example", "bücher.example")
SCHEMES = frozenset({"shopapp"})
FOREIGN = "evil.example is no host of the merchant"

ALLOWED = [
    "https://shop.example",
    "https://shop.example/",
    "https://shop.example/c/9?from=push#top",
    "HTTPS://SHOP.example/c",
    "https://shop.example./c",
    "https://shop.example:443/c",
    "https://shop.example:/c",
    "https://shop.example?c=9",
    "https://shop.example#c",
    "https://shop.example/a%20b",
    "https://shop.example/100%25",
    "https://shop.example/@name",
    "https://shop.example/?u=https%3A%2F%2Fother.example%2Fx",
    "https://shop.example/gr\xfc\xdfe/\u6771\u4eac",
    "https://shop.example/%E2%80%8C",
    "https://b\xfccher.example/",
    "https://xn--bcher-kva.example/",
    "https://B\xdcCHER.example/",
    "https://\uff53\uff48\uff4f\uff50.example/",
    "https://shop.examp\u217ce/",
    "shopapp://coupon/9",
    "shopapp:coupon/9",
    "SHOPAPP://coupon/9",
    "shopapp://shop.example/c",
    "shopapp:///c",
]
REFUSED = {
    "https://evil.example/": FOREIGN,
    "https://shop.example.evil.example/": "shop.example.evil.example is no host of the merchant",
    "https://notshop.example/": "notshop.example is no host of the merchant",
    "https://sub.shop.example/": "sub.shop.example is no host of the merchant",
    "https://evil.example/https://shop.example/": FOREIGN,
    "https://evil.example?shop.example": FOREIGN,
    "https://evil.example#@shop.example": FOREIGN,
    "https://shop.example@evil.example/": "it has user information before its host",
    "https://user@shop.example/": "it has user information before its host",
    "https://user:pw@shop.example/": "it has user information before its host",
    "https://@shop.example/": "it has user information before its host",
    "https://evil.example\\@shop.example/": "a backslash is in it",
    "https:\\\\evil.example\\": "a backslash is in it",
    "https://shop.example/%5Cevil": "a backslash is encoded in it",
    "https://shop.example/%255C%255Cevil": "a backslash is encoded in it",
    "https://shop.example%2eevil.example/": "its host is percent-encoded",
    "https://evil.example%2f@shop.example/": "it has user information before its host",
    "https://%73hop.example/": "its host is percent-encoded",
    "https://evil.example%23.shop.example/": "its host is percent-encoded",
    "https://shop.example/%": "a percent sign in it encodes nothing",
    "https://shop.example/%zz": "a percent sign in it encodes nothing",
    "https://shop.example/%0d%0aX": "the invisible character U+000D is encoded in it",
    "https://shop.example/%00": "the invisible character U+0000 is encoded in it",
    "https://shop.example/%250a": "the invisible character U+000A is encoded in it",
    "https://shop.example/%E2%80%AEgpj": "the invisible character U+202E is encoded in it",
    "https://shop.example/\n": "the invisible character U+000A is in it",
    "https://shop.example\t.evil.example/": "the invisible character U+0009 is in it",
    " https://shop.example/": "the invisible character U+0020 is in it",
    "https://shop.example/a b": "the invisible character U+0020 is in it",
    "https://shop.example/\x00": "the invisible character U+0000 is in it",
    "https://shop.example/\x1b[2J": "the invisible character U+001B is in it",
    "https://shop.example/\x9b": "the invisible character U+009B is in it",
    "https://shop.example/\u202egpj": "the invisible character U+202E is in it",
    "https://shop.example/\u2066": "the invisible character U+2066 is in it",
    "https://shop\u200b.example/": "the invisible character U+200B is in it",
    "https://shop\xad.example/": "the invisible character U+00AD is in it",
    "https://shop.example/\xa0": "the invisible character U+00A0 is in it",
    "https://shop.example/\u2028": "the invisible character U+2028 is in it",
    "https://sh\u043ep.example/": "xn--shp-ted.example is no host of the merchant",
    "https://xn--shp-ted.example/": "xn--shp-ted.example is no host of the merchant",
    "https://xn--zzzzz/": "xn--zzzzz is no host of the merchant",
    "https://shop.example\uff0fevil/": "no host",
    "https://[shop.example/": "[shop.example is no host of the merchant",
    "https://[::1]/": "[::1] is no host of the merchant",
    "https://127.0.0.1/": "127.0.0.1 is no host of the merchant",
    "https://shop.example:99999999/": "shop.example:99999999 is no host of the merchant",
    "https://shop.example:80:443/": "shop.example:80 is no host of the merchant",
    "https://": "it names no host",
    "https:///shop.example/": "it names no host",
    "https:shop.example/": "it names no host",
    "https:/shop.example/": "it names no host",
    "http://shop.example/": "the scheme http is not allowed",
    "javascript:alert(1)": "the scheme javascript is not allowed",
    "javascript://shop.example/%0aalert(1)": "the invisible character U+000A is encoded in it",
    "javascript://shop.example/?alert(1)": "the scheme javascript is not allowed",
    "JaVaScRiPt:alert(1)": "the scheme javascript is not allowed",
    "java\nscript:alert(1)": "the invisible character U+000A is in it",
    "data:text/html,<script>alert(1)</script>": "the scheme data is not allowed",
    "data:text/html;base64,PHA+": "the scheme data is not allowed",
    "file:///etc/passwd": "the scheme file is not allowed",
    "vbscript:x": "the scheme vbscript is not allowed",
    "blob:https://shop.example/1": "the scheme blob is not allowed",
    "tel:+4930123": "the scheme tel is not allowed",
    "intent://shop.example/#Intent;scheme=https;S.browser_fallback_url=https%3A%2F%2Fevil.example;end": (
        "the scheme intent is not allowed"
    ),
    "intent:#Intent;action=android.intent.action.CALL;end": "the scheme intent is not allowed",
    "android-app://example.evil": "the scheme android-app is not allowed",
    "content://downloads/1": "the scheme content is not allowed",
    "ftp://shop.example/": "the scheme ftp is not allowed",
    "otherapp://coupon/9": "the scheme otherapp is not allowed",
    "shopapp://evil.example/c": FOREIGN,
    "shopapp://shop.example@evil.example/": "it has user information before its host",
    "shopapp:": "there is nothing behind its scheme",
    "shop.example": "it has no scheme",
    "/c/9": "it has no scheme",
    "//shop.example/c": "it has no scheme",
    "1https://shop.example/": "it has no scheme",
    "": "it has no scheme",
}


def test_the_table_has_at_least_60_links() -> None:
    assert len(ALLOWED) + len(REFUSED) >= 60


@pytest.mark.parametrize("link", ALLOWED, ids=ascii)
def test_a_push_may_lead_to_the_merchant(link: str) -> None:
    assert link_problem(link, HOSTS, SCHEMES) is None


@pytest.mark.parametrize(("link", "why"), REFUSED.items(), ids=map(ascii, REFUSED))
def test_a_push_never_leads_elsewhere(link: str, why: str) -> None:
    found = link_problem(link, HOSTS, SCHEMES)

    assert found is not None
    assert found.endswith(why)
    assert found.isprintable()


def test_what_an_app_makes_of_its_links_is_its_own_business_where_no_host_is_named() -> None:
    assert link_problem("shopapp://v1.2/c", (), SCHEMES) is None


@pytest.mark.parametrize("link", ["https://any.example/c", "https://\xfcber.example/", "https://a.b.co.uk:8443/"])
def test_a_merchant_without_hosts_may_lead_to_any_public_one(link: str) -> None:
    assert link_problem(link, (), frozenset()) is None


@pytest.mark.parametrize(
    "link",
    [
        "127.0.0.1",
        "[::1]",
        "localhost",
        "2130706433",
        "0x7f.1",
        "10.0.0.8:443",
        "router",
        "a..b.example",
        "-.example",
        "a b",
    ],
)
def test_but_to_no_address_or_name_of_the_phones_own_network(link: str) -> None:
    assert link_problem(f"https://{link}/", (), frozenset()) is not None


@pytest.mark.parametrize("scheme", sorted(NEVER_SCHEMES))
def test_no_setting_opens_a_scheme_that_runs_what_stands_in_it(scheme: str) -> None:
    assert link_problem(f"{scheme}://shop.example/", HOSTS, frozenset({scheme})) is not None


PIECES = "https: javascript: shopapp: // / \\ @ % %2f %0a shop.example evil.example :443 ? # . [ ] xn-- \u3002 \u202e"
pieces = st.sampled_from([*PIECES.split(), "\n", " "])


@given(st.lists(pieces | st.text(max_size=3), max_size=8).map("".join))
def test_whatever_it_is_an_allowed_link_begins_with_the_merchants_host_or_the_app(link: str) -> None:
    problem = link_problem(link, ("shop.example",), SCHEMES)

    assert problem is None or not are_plainly_allowed([link], ("shop.example",))
    assert link_problem(link, (), SCHEMES) is None or not are_plainly_allowed([link], ())

    if problem is None:
        assert link.isprintable()
        lowered = link.lower()
        assert lowered.startswith("shopapp:") or lowered.replace("\u3002", ".").startswith("https://shop.example")
    else:
        assert problem.isprintable()
