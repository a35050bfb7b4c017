"""What is written from the code is up to date."""

from pathlib import Path

import pytest

from tests.generated.files import ROOT, generated

FILES = list(generated())


@pytest.mark.parametrize(("path", "text"), FILES, ids=[path.relative_to(ROOT).as_posix() for path, _ in FILES])
def test_a_generated_file_is_what_the_code_writes(path: Path, text: str) -> None:
    assert path.is_file(), "run `make generated`"
    assert path.read_text(encoding="utf-8") == text, "run `make generated`"
