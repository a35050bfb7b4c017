"""`prometheus/rules.yml`: the alerts as Prometheus loads them."""

from typing import Any

import yaml

from deploy.alert import Alert
from deploy.alerts import ALERTS

HEAD = "# Made by `python -m deploy` of the catalogue of metrics; do not edit.\n"


def rules_yaml(runbook: str) -> str:
    """`runbook` is where docs/operating.md can be read."""
    document = {"groups": [{"name": "saving-alerts", "rules": [_rule(alert, runbook) for alert in ALERTS]}]}
    return HEAD + str(yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True))


def _rule(alert: Alert, runbook: str) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": f"{alert.minutes}m",
        "labels": {"severity": alert.severity, "service": "saving-alerts"},
        "annotations": {
            "summary": alert.summary,
            "description": alert.meaning,
            "first_steps": "\n".join(f"{number}. {step}" for number, step in enumerate(alert.steps, 1)),
            "runbook_url": f"{runbook}#{alert.anchor}",
        },
    }
