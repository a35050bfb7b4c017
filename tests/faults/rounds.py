"""How often the same fault is repeated: once every day, FAULT_ROUNDS times with `make test-long`."""

import os

import pytest

FIRST_ROUND = pytest.param(0, id=pytest.HIDDEN_PARAM)
ROUNDS = [
    pytest.param(number, id=f"round {number + 1}", marks=pytest.mark.long) if number else FIRST_ROUND
    for number in range(int(os.environ.get("FAULT_ROUNDS", "1")))
]
