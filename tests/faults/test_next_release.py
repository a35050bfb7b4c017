"""The next release follows the code that it changes; what it is for is in `test_two_releases.py`."""

from demo.workers.worker_process import PROJECT
from tests.faults.former_release import commit_of
from tests.faults.next_release import EDITS, NAME, next_release


def test_it_can_still_be_made_and_has_a_field_more_everywhere() -> None:
    with next_release() as build:
        changed = {edit.file: (build.folder / edit.file).read_text() for edit in EDITS}

    assert all(NAME in text for text in changed.values())
    assert all(NAME not in (PROJECT / file).read_text() for file in changed)


def test_the_changelog_names_the_commit_of_the_first_release() -> None:
    assert commit_of("0.1.0").startswith("3aed1b15")
