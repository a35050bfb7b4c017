"""An installed worker has no demo, and says where it is."""

import tomllib
from pathlib import Path

from click.testing import CliRunner

from saving_alerts import __version__
from saving_alerts.__main__ import main

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())


def test_it_says_where_the_demo_is() -> None:
    shown = CliRunner().invoke(main, ["demo"])

    assert (shown.exit_code, "make demo" in shown.stderr) == (2, True)


def test_the_wheel_has_the_worker_only() -> None:
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == ["saving_alerts*"]


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "saving_alerts.__version__"}
    assert CliRunner().invoke(main, ["--version"]).stdout == f"saving-alerts, version {__version__}\n"
