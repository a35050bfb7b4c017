"""What tools and people read is made of the catalogue as it is now."""

import json
import re
from itertools import chain

import pytest

from deploy.__main__ import PROJECT, RUNBOOK, files
from deploy.alert import Alert
from deploy.alerts import ALERTS
from deploy.panels import ROWS
from deploy.queries import Query, highest, percentile, rate
from saving_alerts.metrics import PREFIX, Metric, exposition_name

QUERIES = [query for panel in chain.from_iterable(ROWS.values()) for query in panel.queries.values()]


@pytest.mark.parametrize("path", files())
def test_every_file_is_as_the_catalogue_makes_it(path: str) -> None:
    assert (PROJECT / path).read_text() == files()[path], "please run `python -m deploy`"


@pytest.mark.parametrize("metric", Metric)
def test_every_metric_is_on_both_dashboards(metric: Metric) -> None:
    assert any(exposition_name(metric) in query.prometheus for query in QUERIES)
    assert any(f"{PREFIX}{metric}{{" in query.datadog for query in QUERIES)


def test_the_dashboards_have_every_query() -> None:
    grafana = json.loads(files()["deploy/grafana/dashboard.json"])
    datadog = json.loads(files()["deploy/datadog/dashboard.json"])

    asked = [target["expr"] for panel in grafana["panels"] for target in panel.get("targets", [])]
    widgets = [each["definition"] for group in datadog["widgets"] for each in group["definition"]["widgets"]]
    assert asked == [query.prometheus for query in QUERIES]
    assert [request["q"] for widget in widgets for request in widget["requests"]] == [each.datadog for each in QUERIES]


def test_panels_do_not_lie_on_each_other() -> None:
    panels = json.loads(files()["deploy/grafana/dashboard.json"])["panels"]

    places = [panel["gridPos"] for panel in panels]
    taken = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_its_paragraph_with_three_steps(alert: Alert) -> None:
    runbook = (PROJECT / RUNBOOK).read_text()
    paragraph = re.search(rf"^### {alert.name}\n(.*?)(?=^### |^<!-- )", runbook, re.MULTILINE | re.DOTALL)

    assert paragraph is not None
    assert f"(`{alert.severity}`)" in paragraph[1]
    assert all(f"{number}. {step}" in paragraph[1] for number, step in enumerate(alert.steps, 1))


@pytest.mark.parametrize("title", ["A record that kills its worker", "Memory", "Redis", "Reading `audit`"])
def test_what_the_steps_refer_to_stands_in_the_runbook(title: str) -> None:
    assert f"## {title}\n" in (PROJECT / RUNBOOK).read_text()


def test_a_monitor_asks_for_our_service_only() -> None:
    monitors = json.loads(files()["deploy/datadog/monitors.json"])

    assert len(monitors) == len(ALERTS)
    assert all("service:saving-alerts" in monitor["query"] and "$" not in monitor["query"] for monitor in monitors)


def test_the_link_leads_to_where_the_runbook_is() -> None:
    made = files("https://runbooks.example/operating")["deploy/prometheus/rules.yml"]

    assert "runbook_url: https://runbooks.example/operating#redisrefuses" in made


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rate(Metric.STAGE_OUT, "colour"),
        lambda: rate(Metric.STAGE_OUT, colour="red"),
        lambda: rate(Metric.IN_FLIGHT),
        lambda: highest(Metric.STAGE_OUT),
        lambda: percentile(Metric.IN_FLIGHT, 99),
    ],
)
def test_what_the_catalogue_lacks_cannot_be_asked_for(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=r".*"):
        wrong()


def test_the_same_question_in_both_languages() -> None:
    assert rate(Metric.STAGE_OUT, "stage", decision="pushed") == Query(
        'sum by (stage) (rate(saving_alerts_stage_out_total{decision="pushed"}[5m]))',
        "sum:saving_alerts.stage.out{$env,$worker,decision:pushed} by {stage}.as_rate()",
    )
    assert percentile(Metric.PUSH_AGE, 99) == Query(
        "histogram_quantile(0.99, sum by (le) (rate(saving_alerts_push_age_seconds_bucket[5m])))",
        "p99:saving_alerts.push.age{$env,$worker}",
    )
