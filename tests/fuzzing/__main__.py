"""`make fuzz`: the readers of what others write, fuzzed and guided by coverage.

Example: python -m tests.fuzzing events --seconds 120
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from tests.fuzzing.readers import READERS

NOT_INSTALLED = """atheris is not installed. It is no part of the locks, because nothing else needs it:
  .tools/bin/uv pip install --python .venv/bin/python 'atheris>=3,<4'"""
ROOT = Path(__file__).parents[2]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(READERS)), metavar="[READER]...")
@click.option("--seconds", default=600.0, show_default=True, help="Of the processor, for each reader.")
@click.option("--findings", default=Path("fuzzing-findings"), type=click.Path(path_type=Path), show_default=True)
def main(names: tuple[str, ...], seconds: float, findings: Path) -> None:
    """Fuzz these readers, or all, one after the other; exit with 1 if one of them raises, hangs or fills the memory.

    \b
    Example:
      python -m tests.fuzzing events --seconds 120
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if find_spec("atheris") is None:
        raise click.ClickException(NOT_INSTALLED)
    failed = [name for name in names or READERS if _run(name, seconds, findings.resolve()) != 0]
    if failed:
        sys.exit(f"found something: {', '.join(failed)}; the inputs are in {findings}")


def _run(name: str, seconds: float, findings: Path) -> int:
    """In a process of its own: libFuzzer ends the one that it runs in."""
    program = f"from tests.fuzzing.guided import fuzz; fuzz({name!r}, {seconds!r}, {str(findings)!r})"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    main()
