"""`make chaos`: containers are killed and paused at random under load, and the load is checked."""

import subprocess
import sys
import time
from random import Random

import click
from rich.console import Console
from rich.table import Table

from demo.containers.docker import Compose, ComposeFailedError
from demo.containers.faults import TARGETS, FaultInjector, NotRecoveredError, unhealthy
from demo.workers.worker_process import PROJECT

SECONDS_BETWEEN_FAULTS = (1.0, 4.0)
# The load needs so long to start. The last fault ends before the load does.
START_SECONDS = 5

console = Console()


@click.command(epilog="Example: make chaos SECONDS=300")
@click.option("--rate", type=click.FloatRange(1, 2_000), default=50.0, show_default=True, help="Events per second.")
@click.option("--seconds", type=click.IntRange(30, 86_400), default=300, show_default=True, help="How long it lasts.")
def main(*, rate: float, seconds: int) -> None:
    """Kill or pause a random container of the running cluster every few seconds under load, and judge.

    One container is down at a time, for 2 to 15 s; the next one is hit a few seconds later, while the last one may
    still be starting. Exit code 0 only if nothing was lost, doubled, late or silenced.
    """
    containers = Compose()
    try:
        _require_healthy(containers)
        sound = _chaos(containers, rate, seconds)
    except (ComposeFailedError, NotRecoveredError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(0 if sound else 1)


def _require_healthy(containers: Compose) -> None:
    if found := unhealthy(containers):
        raise click.ClickException(f"not up and healthy: {', '.join(found)}\nStart the cluster with `make up`.")


def _chaos(containers: Compose, rate: float, seconds: int) -> bool:
    """Whether the load ended with exit code 0."""
    began = time.monotonic()
    injector = FaultInjector(containers, lambda line: console.print(f"{time.monotonic() - began:6.1f} s  {line}"))
    command = ["docker", "compose", "run", "--rm", "--no-deps", "-T", "load"]
    load = subprocess.Popen([*command, "--rate", f"{rate:g}", "--seconds", str(seconds)], cwd=PROJECT)
    try:
        time.sleep(START_SECONDS)
        _inject_faults(injector, load, began + START_SECONDS + seconds)
        injector.wait_until_all_are_healthy()
        load.wait()
    finally:
        load.terminate()
    _show(injector)
    return load.returncode == 0


def _inject_faults(injector: FaultInjector, load: subprocess.Popen[bytes], ends: float) -> None:
    """One fault after the other while the load runs."""
    random = Random()
    while load.poll() is None:
        fault = injector.next(random)
        if time.monotonic() + (fault.seconds if fault else 0) > ends:
            return
        if fault:
            injector.inject(fault)
        time.sleep(random.uniform(*SECONDS_BETWEEN_FAULTS))


def _show(injector: FaultInjector) -> None:
    table = Table("container", "killed", "paused", title=f"{injector.injected.total()} blows", title_justify="left")
    for service in TARGETS:
        table.add_row(service, *(str(injector.injected[service, action]) for action in ("kill", "pause")))
    console.print(table)


if __name__ == "__main__":
    main()
