"""Mutants follow the code that they break; whether they are caught is for `make test-mutants`."""

import pytest

from demo.workers.worker_process import PROJECT
from tests.faults.next_release import EDITS, next_release
from tests.mutation.mutant import Mutant
from tests.mutation.mutants import MUTANTS
from tests.mutation.tree import broken


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_still_be_made(mutant: Mutant) -> None:
    with broken(mutant) as folder:
        changed = [
            edit for edit in mutant.edits if (folder / edit.file).read_text() != (PROJECT / edit.file).read_text()
        ]

    assert len(changed) == len(mutant.edits)


def test_the_next_release_can_still_be_made() -> None:
    """With which this one is tested side by side, on Kafka: that takes long, and finds a stale edit late."""
    with next_release() as build:
        assert all(edit.new in (build.folder / edit.file).read_text() for edit in EDITS if edit.new)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_that_have_to_notice_are_there(mutant: Mutant) -> None:
    assert all((PROJECT / name).exists() for name in mutant.tests if name.endswith(".py"))
