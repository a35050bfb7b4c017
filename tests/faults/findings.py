"""Where a session of the fault tests keeps what each fault has cost, for the report at its end."""

import pytest

from demo.checks.findings import Findings

REPORT = pytest.StashKey[list[Findings]]()
