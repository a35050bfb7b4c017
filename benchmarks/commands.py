"""What a command costs before it does anything: CPU seconds, user and system, of a whole process.

python -m benchmarks.commands
python -m benchmarks.commands --against ../another-checkout

The other checkout needs its own `.venv`. All take turns, each in the folder of its checkout and without any variable of
ours. The first round is not counted: it writes bytecode and fills the page cache. A `.env` in the folder is read, and
checking its variables makes `rules check` dearer.
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).parents[1]
ROUNDS = 7
COMMANDS = (("--help",), ("rules", "check", "demo/rules.json"), ("explain", "--help"))

Seconds = dict[tuple[tuple[str, ...], Path], list[float]]


def main() -> None:
    """Run each command in turn, several rounds, and print the medians."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout to compare with")
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help=f"how many are counted ({ROUNDS})")
    given = arguments.parse_args()
    checkouts = [PROJECT, *([given.against.resolve()] if given.against else [])]
    _show(measured(checkouts, given.rounds), checkouts)


def measured(checkouts: list[Path], rounds: int) -> Seconds:
    seconds: Seconds = {(command, checkout): [] for command in COMMANDS for checkout in checkouts}
    for number in range(rounds + 1):
        for (command, checkout), found in seconds.items():
            cost = cpu_seconds(command, checkout)
            if number:
                found.append(cost)
    return seconds


def cpu_seconds(command: tuple[str, ...], checkout: Path) -> float:
    """Of one process. Raises CalledProcessError where it fails: a failure is cheap, and would look like speed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = [_python(checkout), "-m", "saving_alerts", *command]
    subprocess.run(started, cwd=checkout, env=_environment(), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(checkout: Path) -> str:
    return sys.executable if checkout == PROJECT else str(checkout / ".venv" / "bin" / "python")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SAVING_ALERTS_", "PYTHONPATH"))}


def _show(seconds: Seconds, checkouts: list[Path]) -> None:
    table = Table("CPU seconds of", *map(str, checkouts), *(["part"] if len(checkouts) > 1 else []))
    for command in COMMANDS:
        medians = [median(seconds[command, checkout]) for checkout in checkouts]
        part = [f"{medians[0] / medians[1]:.0%}"] if len(medians) > 1 else []
        table.add_row(" ".join(command), *(f"{each:.2f}" for each in medians), *part)
    Console().print(table)


if __name__ == "__main__":
    main()
