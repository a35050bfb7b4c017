"""`grafana/dashboard.json`: for Grafana 9 and later, which asks for the data source when it is imported."""

import json
from collections.abc import Iterator
from typing import Any

from deploy.panels import ROWS, Panel

DATA_SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
WIDTH, HEIGHT, ACROSS = 8, 7, 3


def dashboard_json() -> str:
    document = {
        "__inputs": [{"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}],
        "uid": "saving-alerts",
        "title": "Saving alerts",
        "tags": ["saving-alerts"],
        "timezone": "browser",
        "schemaVersion": 37,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": list(_panels()),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for title, panels in ROWS.items():
        yield {"id": number, "type": "row", "title": title, "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}}
        number, top = number + 1, top + 1
        for index, panel in enumerate(panels):
            place = {"x": index % ACROSS * WIDTH, "y": top + index // ACROSS * HEIGHT, "w": WIDTH, "h": HEIGHT}
            yield _panel(number, panel, place)
            number += 1
        top += -(-len(panels) // ACROSS) * HEIGHT


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + index), "expr": query.prometheus, "legendFormat": legend, "datasource": DATA_SOURCE}
        for index, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "datasource": DATA_SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0 if panel.unit != "s" else None}, "overrides": []},
        "targets": targets,
    }
