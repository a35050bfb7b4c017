"""The containers of `docker-compose.yml`, as `docker compose` handles them."""

import json
import subprocess
from dataclasses import dataclass
from typing import Protocol

from demo.workers.worker_process import PROJECT

COMMAND_TIMEOUT_SECONDS = 120


class ComposeFailedError(Exception):
    """`docker compose` failed; the text is what it printed."""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container: `running`, `paused` or `exited`, and its health where it has a check."""

    service: str
    state: str
    health: str

    @property
    def is_healthy(self) -> bool:
        return self.state == "running" and self.health in ("healthy", "")


class Containers(Protocol):
    """What the fault injector needs of the containers."""

    def states(self) -> list[ContainerState]: ...
    def do(self, action: str, service: str) -> None: ...


class Compose:
    """The containers of `docker-compose.yml`, through the command line. Raises ComposeFailedError."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def states(self) -> list[ContainerState]:
        """All that exist, stopped ones too."""
        lines = _docker("compose", "ps", "--all", "--format", "json").splitlines()
        found = [json.loads(line) for line in lines if line]
        self._names = {each["Service"]: each["Name"] for each in found}
        return [ContainerState(each["Service"], each["State"], each["Health"]) for each in found]

    def do(self, action: str, service: str) -> None:
        """`kill`, `start`, `pause` or `unpause` a service that `states` has shown.

        With `docker` itself: `docker compose start` would wait until all the service depends on is healthy.
        """
        _docker(action, self._names[service])


def _docker(*arguments: str) -> str:
    try:
        finished = subprocess.run(
            ["docker", *arguments],  # noqa: S607 - found on the PATH, as a person would
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_SECONDS,
        )
    except FileNotFoundError as error:
        raise ComposeFailedError("docker is not installed, or not on the PATH") from error
    except subprocess.TimeoutExpired as error:
        text = f"`docker {' '.join(arguments)}` took longer than {COMMAND_TIMEOUT_SECONDS} s"
        raise ComposeFailedError(text) from error
    if finished.returncode:
        raise ComposeFailedError(f"`docker {' '.join(arguments)}` failed: {finished.stderr.strip()}")
    return finished.stdout
