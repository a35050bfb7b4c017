"""What some tests want beside Python."""

import os

import pytest


def require(missing: str | None) -> None:
    """Skip the test with this sentence, if there is one; in CI (`CI=true`) fail it, where a skip would go unnoticed."""
    if missing is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)
