"""`python -m demo`: the main job on the embedded world, checked to the last event."""

import sys

import click

from demo.run import run_demo

DEFAULT_EVENTS = 20_000


@click.command(epilog="Example: python -m demo --events 2000")
@click.option("--events", default=DEFAULT_EVENTS, show_default=True, help="How many events are played.")
@click.option("--seed", default=1, show_default=True, help="The same seed plays the same events.")
@click.option("--keep", is_flag=True, help="Keep the world and a trickle of traffic running until Ctrl-C.")
def main(*, events: int, seed: int, keep: bool) -> None:
    """Start the outside world and two workers, play events, and account for every one of them.

    Exit code 0 only if every event ended as planned and the push API accepted exactly the planned pushes.
    """
    sys.exit(run_demo(events, seed, keep=keep))


if __name__ == "__main__":
    main()
