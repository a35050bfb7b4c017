"""`python -m deploy`: write all that is made of the catalogue. `--runbook URL` is where operating.md can be read."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from deploy import datadog, grafana, pages
from deploy.prometheus_rules import rules_yaml

PROJECT = Path(__file__).resolve().parent.parent
RUNBOOK = "docs/operating.md"


def files(runbook: str = RUNBOOK) -> Mapping[str, str]:
    """The text of each file by its path in the project."""
    return {
        "deploy/prometheus/rules.yml": rules_yaml(runbook),
        "deploy/grafana/dashboard.json": grafana.dashboard_json(),
        "deploy/datadog/dashboard.json": datadog.dashboard_json(),
        "deploy/datadog/monitors.json": datadog.monitors_json(runbook),
        "docs/metrics.md": pages.metrics_page(),
        RUNBOOK: pages.with_alerts((PROJECT / RUNBOOK).read_text()),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    arguments.add_argument("--runbook", default=RUNBOOK, metavar="URL")
    for path, text in files(arguments.parse_args().runbook).items():
        (PROJECT / path).parent.mkdir(exist_ok=True)
        (PROJECT / path).write_text(text)


if __name__ == "__main__":
    main()
