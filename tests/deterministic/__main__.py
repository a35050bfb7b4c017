"""Run universes. Example: python -m tests.deterministic --seed 17"""

import sys
import time

import click

from tests.deterministic.universe import run_universe


@click.command()
@click.option("--seed", type=int, help="Run this universe, and show what happens in it.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--universes", default=100, show_default=True, help="How many.")
@click.option("--stop", is_flag=True, help="At the first one that fails.")
@click.option("--gathers", is_flag=True, help="Those whose rules gather.")
@click.option("--tries", is_flag=True, help="Those in which rules are tried on half of the users.")
@click.option("--budgets", is_flag=True, help="Those whose merchant has a budget.")
def main(
    seed: int | None, first: int, universes: int, *, stop: bool, gathers: bool, tries: bool, budgets: bool
) -> None:
    """Look for a universe in which a promise is broken; exit with 1 where there is one."""
    if seed is not None:
        outcome = run_universe(seed, gathers=gathers, tries=tries, budgets=budgets)
        click.echo(f"{outcome.trace}\n\n{outcome}")
        sys.exit(bool(outcome.broken))
    began, failed = time.process_time(), 0
    for number in range(first, first + universes):
        outcome = run_universe(number, gathers=gathers, tries=tries, budgets=budgets)
        if outcome.broken:
            failed += 1
            click.echo(str(outcome))
            if stop:
                break
    click.echo(f"{universes} universes, {failed} with a broken promise, {time.process_time() - began:.1f} s of CPU")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
