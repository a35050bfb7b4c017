"""`make chaos`: containers are killed and paused at random under load, and the load says what it has cost."""

import subprocess
import sys
import time
from random import Random, SystemRandom

import click
from rich.console import Console
from rich.table import Table

from demo.cluster.containers import PROJECT, Compose, ComposeFailedError
from demo.cluster.suffering import VICTIMS, StillIllError, Suffering, blows, unwell

REST_SECONDS = (1.0, 4.0)
LARGEST_SEED = 9_999
# What the load needs to start and its tail to be judged; the last blow is dealt before the last shopper comes.
START_SECONDS = 5

console = Console()


@click.command(epilog="Example: make chaos SECONDS=300")
@click.option("--rate", type=click.FloatRange(1, 2_000), default=50.0, show_default=True, help="Events per second.")
@click.option("--seconds", type=click.IntRange(30, 86_400), default=300, show_default=True, help="How long it lasts.")
@click.option("--seed", type=int, help="The same seed deals the same blows (default: a new one, which is printed).")
def main(*, rate: float, seconds: int, seed: int | None) -> None:
    """Kill or pause a random container of the running cluster every few seconds under load, and judge.

    One container is ill at a time, for 2 to 15 s. Exit code 0 only if nothing was lost, doubled, late or silenced.
    """
    chosen = seed if seed is not None else SystemRandom().randint(0, LARGEST_SEED)
    try:
        _refuse_ill_cluster()
        console.print(f"seed {chosen}, {seconds} s")
        sound = _chaos(rate, seconds, Random(chosen))
    except (ComposeFailedError, StillIllError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(0 if sound else 1)


def _refuse_ill_cluster() -> None:
    if ill := unwell(Compose()):
        raise click.ClickException(f"not up and healthy: {', '.join(ill)}\nStart the cluster with `make up`.")


def _chaos(rate: float, seconds: int, random: Random) -> bool:
    """Whether the load ended well."""
    began = time.monotonic()
    suffering = Suffering(Compose(), lambda line: console.print(f"{time.monotonic() - began:6.1f} s  {line}"))
    command = ["docker", "compose", "run", "--rm", "--no-deps", "-T", "load"]
    load = subprocess.Popen([*command, "--rate", f"{rate:g}", "--seconds", str(seconds)], cwd=PROJECT)
    try:
        _deal(suffering, random, load, began + START_SECONDS, seconds)
        load.wait()
    finally:
        load.terminate()
    _show(suffering)
    return load.returncode == 0


def _deal(suffering: Suffering, random: Random, load: subprocess.Popen[bytes], begins: float, seconds: int) -> None:
    """Blow after blow while the shoppers come."""
    time.sleep(max(0.0, begins - time.monotonic()))
    for blow in blows(random):
        if time.monotonic() + blow.seconds > begins + seconds or load.poll() is not None:
            return
        suffering.deal(blow)
        time.sleep(random.uniform(*REST_SECONDS))


def _show(suffering: Suffering) -> None:
    table = Table("container", "killed", "paused", title=f"{suffering.dealt.total()} blows", title_justify="left")
    for service in VICTIMS:
        table.add_row(service, *(str(suffering.dealt[service, action]) for action in ("kill", "pause")))
    console.print(table)


if __name__ == "__main__":
    main()
