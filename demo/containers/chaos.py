"""`make chaos`: containers are killed and paused at random under load, and the load says what it has cost."""

import subprocess
import sys
import time
from random import Random

import click
from rich.console import Console
from rich.table import Table

from demo.containers.docker import PROJECT, Compose, ComposeFailedError
from demo.containers.faults import VICTIMS, FaultInjector, StillIllError, unwell

REST_SECONDS = (1.0, 4.0)
# What the load needs to start; the last blow ends before the last shopper comes.
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
        _refuse_ill_cluster(containers)
        sound = _chaos(containers, rate, seconds)
    except (ComposeFailedError, StillIllError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(0 if sound else 1)


def _refuse_ill_cluster(containers: Compose) -> None:
    if ill := unwell(containers):
        raise click.ClickException(f"not up and healthy: {', '.join(ill)}\nStart the cluster with `make up`.")


def _chaos(containers: Compose, rate: float, seconds: int) -> bool:
    """Whether the load ended well."""
    began = time.monotonic()
    suffering = FaultInjector(containers, lambda line: console.print(f"{time.monotonic() - began:6.1f} s  {line}"))
    command = ["docker", "compose", "run", "--rm", "--no-deps", "-T", "load"]
    load = subprocess.Popen([*command, "--rate", f"{rate:g}", "--seconds", str(seconds)], cwd=PROJECT)
    try:
        time.sleep(START_SECONDS)
        _deal(suffering, load, began + START_SECONDS + seconds)
        suffering.wait_until_all_are_well()
        load.wait()
    finally:
        load.terminate()
    _show(suffering)
    return load.returncode == 0


def _deal(suffering: FaultInjector, load: subprocess.Popen[bytes], ends: float) -> None:
    """Fault after fault while the shoppers come."""
    random = Random()
    while load.poll() is None:
        blow = suffering.next(random)
        if time.monotonic() + (blow.seconds if blow else 0) > ends:
            return
        if blow:
            suffering.deal(blow)
        time.sleep(random.uniform(*REST_SECONDS))


def _show(suffering: FaultInjector) -> None:
    table = Table("container", "killed", "paused", title=f"{suffering.dealt.total()} blows", title_justify="left")
    for service in VICTIMS:
        table.add_row(service, *(str(suffering.dealt[service, action]) for action in ("kill", "pause")))
    console.print(table)


if __name__ == "__main__":
    main()
