"""Prometheus' own tool finds nothing wrong with the rules, and each alert fires when what it is about breaks.

Five of them also fire for a real worker, in `tests/monitoring/`.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.__main__ import PROJECT
from deploy.alerts import ALERTS
from tests.support.programs import program
from tests.unit.deploy.alert_scenes import SCENES, Scene

RULES = PROJECT / "deploy" / "prometheus" / "rules.yml"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)


def test_the_rules_are_such() -> None:
    checked = promtool("check", "rules", str(RULES))

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_is_broken_here() -> None:
    assert list(SCENES) == [alert.name for alert in ALERTS]


@pytest.mark.parametrize("name", SCENES)
def test_it_fires_when_what_it_is_about_breaks_and_not_before(name: str, tmp_path: Path) -> None:
    scene = tmp_path / "scene.yml"
    scene.write_text(yaml.safe_dump(in_promtools_words(name, SCENES[name])))

    tested = promtool("test", "rules", str(scene))

    assert tested.returncode == 0, tested.stdout + tested.stderr


def in_promtools_words(name: str, scene: Scene) -> dict[str, Any]:
    """`ALERTS` is a series that Prometheus itself writes: so nobody has to repeat texts and labels."""
    fires = f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) > bool 0 or vector(0)'
    return {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": each, "values": values} for each, values in scene.series.items()],
                "promql_expr_test": [
                    {"expr": fires, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": value}]}
                    for minute, value in ((scene.well, 0), (scene.broken, 1))
                ],
            }
        ],
    }
