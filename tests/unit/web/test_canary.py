"""The page says what is tried, on whom, what the guards have seen, and what somebody has to do."""

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.ports.heartbeats import WorkerRow
from saving_alerts.web import pages
from saving_alerts.web.canary import Canary, canary_seen
from tests.support.fakes.clock import START
from tests.support.sample_canary import HOURS, LIVE, VERSION, an_order
from tests.support.sample_stats import ordinary_day
from tests.support.worker_rows import a_row

ORDER = msgspec.structs.replace(an_order(), note="<b>coffee</b>")
SWITCH = KillSwitch(
    scope=KillScope.CANARY, id=ORDER.id, reason="pushes, too many", by="its guards, as worker-2 saw", since=START
)


def rows(*evidence: Evidence, canary: str | None = ORDER.id) -> list[WorkerRow]:
    return [msgspec.structs.replace(a_row(0, {}), canary=canary, evidence=each) for each in evidence]


def seen(switch: KillSwitch | None = None, now: datetime = START) -> Canary:
    told = rows(Evidence(evaluated=100, wanted=9), Evidence(evaluated=100, wanted=11))
    return canary_seen(ORDER, switch, [*told, *rows(Evidence(evaluated=5), canary="another")], now)


def test_what_all_workers_have_seen_is_added_up() -> None:
    found = seen()

    assert (found.id, found.version, found.instead_of, found.workers) == (ORDER.id, VERSION, LIVE, 2)
    assert (found.guards[0].name, found.guards[0].hits, found.guards[0].events) == ("pushes, too many", 20, 200)
    assert not found.is_taken_back


@pytest.mark.parametrize(
    ("switch", "now", "state"),
    [
        (None, START, "tried on some of the users"),
        (None, START + HOURS, "`rules canary promote` writes it down"),
        (SWITCH, START, "`rules canary abort` puts it away: canary:"),
        (SWITCH, START + HOURS, "its guards, as worker-2 saw: pushes, too many"),
    ],
    ids=["tried", "its time is over", "taken back", "taken back long ago"],
)
def test_its_state_says_what_to_do(switch: KillSwitch | None, now: datetime, state: str) -> None:
    assert state in seen(switch, now).state


def test_the_page_shows_it_and_what_others_wrote_is_only_text() -> None:
    shown = pages.html(replace(ordinary_day(), canary=seen())).decode()
    taken_back = pages.html(replace(ordinary_day(), canary=seen(SWITCH))).decode()

    assert f"{ORDER.id}: version {VERSION} on 5 % of the users in place of {LIVE}" in shown
    assert "by ines: &lt;b&gt;coffee&lt;/b&gt;. 2 of 2 workers use it." in shown
    assert '<p class="bad">taken back, everybody has the other rules' in taken_back
    assert ("workers use it" in taken_back, "pushes, too few" in taken_back) == (False, False)
    assert '<th scope="row">pushes, too many</th>' in shown
    assert ">10.00%<" in shown


def test_without_one_the_page_says_so_and_why_one_is_not_used() -> None:
    nothing = pages.html(ordinary_day()).decode()
    broken = pages.html(replace(ordinary_day(), canary_problem="rules/canary.json <is> not used")).decode()

    assert "<p>No rules are tried.</p>" in nothing
    assert '<p class="bad">rules/canary.json &lt;is&gt; not used</p>' in broken


def test_it_is_in_the_json_of_the_page() -> None:
    told = msgspec.json.decode(pages.json(replace(ordinary_day(), canary=seen())))

    assert told["canary"]["guards"][0]["share"] == 0
    assert told["canary"]["ends"] == (START + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
