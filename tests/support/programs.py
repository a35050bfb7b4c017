"""Programs of others that some tests hold our output against: in .tools/bin, or on the PATH."""

import os
import shutil
from pathlib import Path

from tests.support.requirements import require

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "bin"
HOW_TO_INSTALL = {
    "promtool": "please install Debian's package prometheus",
    "prometheus": "please install Debian's package prometheus",
    "statsd_exporter": "please run `make statsd-exporter`, which needs Go 1.25",
}


def program(name: str) -> str:
    """Its path; where there is none the test is skipped, or fails in CI."""
    found = shutil.which(name, path=os.pathsep.join((str(TOOLS), os.environ.get("PATH", ""))))
    require(None if found else f"there is no {name} here: {HOW_TO_INSTALL[name]}")
    return str(found)
