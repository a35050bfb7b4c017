"""The pages as bytes: readable for whoever reads them, whatever was measured and whoever wrote to Redis."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from saving_alerts.delivery.held_back import HeldBack
from saving_alerts.supervision.health import Condition
from saving_alerts.web import pages
from saving_alerts.web.stats import Stats
from tests.support.worker_rows import a_row

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def stats(page: str, *unreadable: str) -> Stats:
    row = msgspec.structs.replace(a_row(0, {}), page=page)
    return Stats(
        worker="w",
        version="1",
        at=NOON,
        funnel=(),
        decisions={},
        stages=(),
        lag=(),
        conditions=(),
        documents=(),
        dead_letters=0,
        cluster=(row,),
        silent=(msgspec.structs.replace(row, name="<b>quiet</b>"),),
        unreadable_heartbeats=unreadable,
    )


def links(html: str) -> list[str]:
    return [link for link in re.findall(r"<a href=\"([^\"]*)\"", html) if "//" in link or ":" in link]


HOSTILE = [
    "javascript:alert(1)",
    "JavaScript://x/%0aalert(1)",
    "data:text/html,x",
    "//evil",
    "http://a b",
    "http://a\n",
    "",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_an_address_that_is_none_of_a_page_is_no_link(address: str) -> None:
    assert links(pages.html(stats(address)).decode()) == []


def test_a_page_is_linked_and_cannot_break_out_of_its_quotes() -> None:
    assert links(pages.html(stats("http://10.0.0.1:6066")).decode()) == ["http://10.0.0.1:6066/stats"]
    assert links(pages.html(stats('http://x"onclick="y')).decode()) == ["http://x&#34;onclick=&#34;y/stats"]


def test_what_holds_a_commit_back_is_on_the_page_with_the_reason() -> None:
    held = HeldBack("query_coupons", "saving-alerts.validated", 3, 1207, NOON, 24_100, "the Coupon API", False)
    shown = replace(stats(""), held_back=(held, replace(held, partition=4, is_stopped=True)))

    page = pages.html(shown).decode()

    cells = [re.findall("<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in re.findall("<tr>.*?</tr>", page)]
    row = ["1207", "12:00:00", "24,100", "the Coupon API"]
    assert ["saving-alerts.validated 3", *row, "goes on"] in cells
    assert ["saving-alerts.validated 4", *row, "stopped"] in cells
    assert json.loads(pages.json(shown))["held_back"][0]["waits_for"] == "the Coupon API"
    assert "Commits that wait" not in pages.html(stats("")).decode()


def test_who_is_silent_and_what_cannot_be_read_is_named() -> None:
    shown = pages.html(stats("", "2: <script>")).decode()

    assert '<th scope="row">&lt;b&gt;quiet&lt;/b&gt;</th><td class="state not-ready" data-l="state">does not' in shown
    assert "A heartbeat in Redis cannot be read: 2: &lt;script&gt;" in shown
    assert json.loads(pages.json(stats("", "2: x")))["unreadable_heartbeats"] == ["2: x"]


def test_the_rules_are_linked_and_explain_where_there_is_one() -> None:
    without, with_explain = (pages.html(replace(stats(""), explains=each)).decode() for each in (False, True))

    assert '<a href="rules">' in without
    assert '<a href="explain">' not in without
    assert '<a href="explain">' in with_explain


def test_what_is_wrong_stands_above_what_is_ok() -> None:
    conditions = (Condition("kafka", ok=True, detail="4 partitions"), Condition("redis", ok=False, detail="refused"))

    page = pages.html(replace(stats(""), conditions=conditions)).decode()

    assert page.index("refused") < page.index("1 other condition is ok") < page.index("4 partitions")
    assert "All 1 conditions are ok" in pages.html(replace(stats(""), conditions=conditions[:1])).decode()
