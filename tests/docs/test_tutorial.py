"""The commands of docs/tutorial.md about rules run as they are written."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from saving_alerts.__main__ import main

ROOT = Path(__file__).parents[2]
(BLOCK,) = re.findall(r"```\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(), re.DOTALL)
PROGRAM = ".venv/bin/saving-alerts"


def test_the_first_rule_can_be_checked_and_previewed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "demo", tmp_path / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    ran = []
    for line in filter(None, BLOCK.splitlines()):
        words = shlex.split(line)
        if words[0] == PROGRAM:
            ran.append(CliRunner().invoke(main, words[1:]))
        elif words[0] == "cp":
            shutil.copy(words[1], words[2])
        else:
            assert (words[0], words[2]) == ("echo", ">")
            Path(words[3]).write_text(f"{words[1]}\n")

    assert [result.exit_code for result in ran] == [0, 0]
    assert "Shop" in ran[-1].stdout
