"""`datadog/dashboard.json` and `datadog/monitors.json`: bodies for Datadog's API, or to be imported on its pages."""

import json
from typing import Any

from deploy.alert import Alert
from deploy.alerts import ALERTS
from deploy.panels import ROWS, Panel
from deploy.queries import OURS, SERVICE

PRIORITY = {"page": 1, "ticket": 3}


def dashboard_json() -> str:
    document = {
        "title": "Saving alerts",
        "layout_type": "ordered",
        "template_variables": [
            {"name": "env", "prefix": "env", "default": "*"},
            {"name": "worker", "prefix": "worker", "default": "*"},
        ],
        "widgets": [_group(title, panels) for title, panels in ROWS.items()],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def monitors_json(runbook: str) -> str:
    return json.dumps([_monitor(alert, runbook) for alert in ALERTS], indent=1, ensure_ascii=False) + "\n"


def _group(title: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    return {
        "definition": {
            "type": "group",
            "title": title,
            "layout_type": "ordered",
            "widgets": [_widget(panel) for panel in panels],
        }
    }


def _widget(panel: Panel) -> dict[str, Any]:
    requests = [{"q": query.datadog, "display_type": "line"} for query in panel.queries.values()]
    return {"definition": {"type": "timeseries", "title": panel.title, "requests": requests}}


def _monitor(alert: Alert, runbook: str) -> dict[str, Any]:
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(alert.steps, 1))
    return {
        "name": f"[saving alerts] {alert.summary}",
        "type": "query alert",
        "query": alert.monitor.text.replace(OURS, SERVICE),
        "message": f"{alert.meaning}\n\n{steps}\n\n{runbook}#{alert.anchor}",
        "tags": ["service:saving-alerts", f"severity:{alert.severity}"],
        "priority": PRIORITY[alert.severity],
        "options": {
            "thresholds": {"critical": float(alert.monitor.beyond.split()[1])},
            "notify_no_data": bool(alert.monitor.silent_minutes),
            **({"no_data_timeframe": alert.monitor.silent_minutes} if alert.monitor.silent_minutes else {}),
        },
    }
