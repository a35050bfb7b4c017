"""Where a push may lead. Each refused link would have led somewhere else, for some phone or some reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.rules.deep_links import NEVER_SCHEMES, are_plainly_allowed, link_problem
from tests.support.links import ALLOWED, HOSTS, REFUSED, SCHEMES


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
