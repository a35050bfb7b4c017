"""`make test-mutants`: each protection is broken once, and a test must notice.

Example: python -m tests.mutation "drop the floor"
"""

import subprocess
import sys
import time
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

from tests.mutation.mutants import MUTANTS, Mutant
from tests.mutation.tree import broken, run_tests

TESTS_FAILED = 1
# A test fails, or what it watches does while it is prepared.
FAILED_MARKS = ("FAILED ", "ERROR ")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`caught_by` is the test that failed, None where all passed or could not run."""

    mutant: Mutant
    caught_by: str | None
    output: str
    seconds: float


def judge(mutant: Mutant) -> Verdict:
    """Run the tests that have to notice, in a copy where the protection is broken."""
    began = time.monotonic()
    with broken(mutant) as folder:
        ended = run_tests(folder, mutant.tests)
    return Verdict(mutant, _failed_test(ended), ended.stdout + ended.stderr, time.monotonic() - began)


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
      python -m tests.mutation "drop the floor"
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if unknown := set(names) - {mutant.name for mutant in MUTANTS}:
        raise click.UsageError(f"there is no mutant {', '.join(sorted(unknown))}; --list names them")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    if only_list:
        click.echo("\n".join(mutant.name for mutant in chosen))
        return
    sys.exit(_judge_all(chosen))


def _judge_all(mutants: list[Mutant]) -> int:
    console, verdicts = Console(width=200), []
    for number, mutant in enumerate(mutants, start=1):
        console.print(f"[{number}/{len(mutants)}] {mutant.name} ...", markup=False)
        verdict = judge(mutant)
        verdicts.append(verdict)
        console.print(f"    {_in_words(verdict)}", markup=False)
    console.print(_table(verdicts))
    return 0 if all(verdict.caught_by for verdict in verdicts) else 1


def _in_words(verdict: Verdict) -> str:
    if verdict.caught_by:
        return f"caught in {verdict.seconds:.0f} s by {verdict.caught_by}"
    return f"NOT CAUGHT, the tests said:\n{verdict.output[-4_000:]}"


def _table(verdicts: list[Verdict]) -> Table:
    table = Table("broken protection", "caught by", "seconds")
    for verdict in verdicts:
        table.add_row(verdict.mutant.name, (verdict.caught_by or "NOBODY").split(" - ")[0], f"{verdict.seconds:.0f}")
    return table


if __name__ == "__main__":
    main()
