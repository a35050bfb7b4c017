"""`make test-mutants`: each protection is broken once, and a test must notice.

Example: python -m tests.mutation "acknowledge early"
"""

import subprocess
import sys
import time
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

from tests.mutation.mutant import Mutant
from tests.mutation.mutants import MUTANTS
from tests.mutation.tree import broken, run_tests

TESTS_FAILED = 1
# A test fails, or what it watches does while it is prepared. A line of a log can begin with ERROR as well.
FAILED_MARKS = ("FAILED tests/", "ERROR tests/")


@dataclass(frozen=True, slots=True)
class MutantResult:
    """`caught_by` is the test that failed, None where all passed or could not run."""

    mutant: Mutant
    caught_by: str | None
    output: str
    seconds: float


def run_mutant(mutant: Mutant) -> MutantResult:
    """Run the tests that have to notice, in a copy where the protection is broken."""
    began = time.monotonic()
    with broken(mutant) as folder:
        ended = run_tests(folder, mutant.tests)
    return MutantResult(mutant, _failed_test(ended), ended.stdout + ended.stderr, time.monotonic() - began)


def _failed_test(ended: "subprocess.CompletedProcess[str]") -> str | None:
    if ended.returncode != TESTS_FAILED:
        return None
    failed = [line for line in ended.stdout.splitlines() if line.startswith(FAILED_MARKS)]
    return failed[0].split(" ", 1)[1] if failed else None


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Only name them.")
def main(names: tuple[str, ...], *, only_list: bool) -> None:
    """Break one protection after the other; exit with 1 when no test notices.

    \b
    Example:
      python -m tests.mutation "acknowledge early"
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if unknown := set(names) - {mutant.name for mutant in MUTANTS}:
        raise click.UsageError(f"there is no mutant {', '.join(sorted(unknown))}; --list names them")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    if only_list:
        click.echo("\n".join(mutant.name for mutant in chosen))
        return
    sys.exit(_run_all(chosen))


def _run_all(mutants: list[Mutant]) -> int:
    console, results = Console(width=200), []
    for number, mutant in enumerate(mutants, start=1):
        console.print(f"[{number}/{len(mutants)}] {mutant.name} ...", markup=False)
        result = run_mutant(mutant)
        results.append(result)
        console.print(f"    {_in_words(result)}", markup=False)
    console.print(_table(results))
    return 0 if all(result.caught_by for result in results) else 1


def _in_words(result: MutantResult) -> str:
    if result.caught_by:
        return f"caught in {result.seconds:.0f} s by {result.caught_by}"
    return f"NOT CAUGHT, the tests said:\n{result.output[-4_000:]}"


def _table(results: list[MutantResult]) -> Table:
    table = Table("broken protection", "caught by", "seconds")
    for result in results:
        table.add_row(result.mutant.name, (result.caught_by or "NOBODY").split(" - ")[0], f"{result.seconds:.0f}")
    return table


if __name__ == "__main__":
    main()
