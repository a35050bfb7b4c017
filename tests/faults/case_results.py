"""The results of all cases of one pytest session, for the report at its end."""

import pytest

from demo.checks.case_result import CaseResult

CASE_RESULTS = pytest.StashKey[list[CaseResult]]()
