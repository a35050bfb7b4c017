"""A real Prometheus that scrapes twice a second, with the rules of `deploy/`: their minutes are seconds here."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from demo.servers.free_port import FreePort
from demo.workers import child_process
from tests.end_to_end.conditions import wait_until
from tests.support.programs import program

SCRAPE = "500ms"
START_SECONDS = 30
FIRE_SECONDS = 60
JOB = "saving-alerts"


class PrometheusServer:
    """Scrapes these targets, `host:port`, within a `with` block."""

    def __init__(self, folder: Path, targets: Sequence[str], rules: str = "groups: []") -> None:
        self._folder = folder / "prometheus"
        self._targets = list(targets)
        self._rules = rules
        self._port = FreePort()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir()
        (self._folder / "rules.yml").write_text(self._rules)
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(self._config()))
        self._process = child_process.start(self._command(), self._folder)
        wait_until(self._is_ready, START_SECONDS, "Prometheus is ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            child_process.kill(self._process)
        self._port.close()

    def series(self, expression: str) -> list[dict[str, Any]]:
        """What an instant query returns. Raises ValueError in Prometheus' words for one that it refuses."""
        answer = self._get(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        return list(answer["data"]["result"])

    def values(self, expression: str) -> list[float]:
        return [float(each["value"][1]) for each in self.series(expression)]

    def wait_until_is(self, expression: str, value: float) -> None:
        """Return when that is the one value of the expression. Raises TimeoutError.

        A page that takes longer than a scrape may has no values until the next one: that says nothing about them.
        """
        wait_until(lambda: self.values(expression) == [value], FIRE_SECONDS, f"{expression} is {value:g}")

    def wait_until_read(self) -> None:
        """Return when the last scrape of every target was without an error. Raises TimeoutError naming the errors."""
        errors: list[str] = []

        def is_read() -> bool:
            errors[:] = self.scrape_errors()
            return not errors

        try:
            wait_until(is_read, FIRE_SECONDS, "every target is read")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {errors}") from error

    def is_firing(self, alert: str) -> bool:
        return bool(self.series(f'ALERTS{{alertname="{alert}", alertstate="firing"}}'))

    def wait_until_firing(self, alert: str) -> float:
        """After how many seconds it fired. Raises TimeoutError."""
        began = time.monotonic()
        wait_until(lambda: self.is_firing(alert), FIRE_SECONDS, f"{alert} fires")
        return time.monotonic() - began

    def wait_until_silent(self, alert: str) -> None:
        wait_until(lambda: not self.is_firing(alert), FIRE_SECONDS, f"{alert} is over")

    def scrape_errors(self) -> list[str]:
        """Of the targets that do not answer, or whose page cannot be read, the reason."""
        targets = self._get("/api/v1/targets")["data"]["activeTargets"]
        return [each["lastError"] for each in targets if each["lastError"]]

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _get(self, path: str) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(self._url + path, timeout=START_SECONDS) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from error

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port.number}"

    def _command(self) -> list[str]:
        return [
            program("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port.number}",
            "--log.level=warn",
        ]

    def _config(self) -> dict[str, Any]:
        return {
            "global": {"scrape_interval": SCRAPE, "evaluation_interval": SCRAPE, "scrape_timeout": SCRAPE},
            "rule_files": [str(self._folder / "rules.yml")],
            "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": self._targets}]}],
        }


def in_seconds(rules: str) -> str:
    """The same rules with their minutes as seconds: every window, every `for`, and what an event may wait."""
    document = yaml.safe_load(rules)
    for rule in document["groups"][0]["rules"]:
        rule["for"] = rule["for"].replace("m", "s")
        rule["expr"] = re.sub(r"\[(\d+)m\]", r"[\1s]", rule["expr"])
        if "undecided_age" in rule["expr"]:
            rule["expr"] = re.sub(r"> (\d+)$", lambda found: f"> {int(found[1]) / 60:g}", rule["expr"])
    return str(yaml.safe_dump(document))
