"""What comments and documents refer to is there."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("saving_alerts", "tests", "demo", "deploy", "benchmarks", "docs")
READ = frozenset({".py", ".md", ".lua", ".toml", ".yml"})
CLAIMS = "docs/claims.md"

DOCUMENT = re.compile(r"\bdocs/[\w./-]+\.(?:md|json)\b")
DECISION = re.compile(r"\badr/(\d{4})|\bADRs? (\d+)")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
CLAIM_RULE = re.compile(rf"{re.escape(CLAIMS)}, rules? (\d+)")
NUMBERED_RULE = re.compile(r"\brules? \d", re.IGNORECASE)
OF_NO_DOCUMENT = re.compile(r"\b(?:contract|section|chapter) \d+\b", re.IGNORECASE)
CODE_FILE = re.compile(r"`(?:\w+/)*\w+\.(?:py|lua)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PLACE = re.compile(r'(\b[Ss]ee )?"([^"\n]+)"(?: (above|below))?')


def paths() -> Iterator[Path]:
    """Every file of the project that people read, but for what was made or installed."""
    yield from (path for path in ROOT.iterdir() if path.suffix in READ)
    for folder in FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in READ)


TEXTS = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in paths()}
DOCUMENTS = {path: text for path, text in TEXTS.items() if path.suffix == ".md"}


def found(pattern: re.Pattern[str], texts: dict[Path, str]) -> Iterator[tuple[Path, re.Match[str]]]:
    for path, text in texts.items():
        yield from ((path, match) for match in pattern.finditer(text))


def test_every_document_that_is_named_exists() -> None:
    named = [(path, match[0]) for path, match in found(DOCUMENT, TEXTS)]

    assert len(named) > 20
    assert [(str(path), name) for path, name in named if not (ROOT / name).is_file()] == []


def test_every_link_between_documents_leads_somewhere() -> None:
    links = [(path, match[1]) for path, match in found(LINK, DOCUMENTS)]

    assert [(str(path), link) for path, link in links if not (ROOT / path.parent / link).exists()] == []


def test_every_architecture_decision_that_is_named_exists() -> None:
    known = {int(path.name[:4]) for path in (ROOT / "docs/adr").glob("*.md")}
    named = [(path, int(match[1] or match[2])) for path, match in found(DECISION, TEXTS)]

    assert named
    assert [(str(path), number) for path, number in named if number not in known] == []


def test_every_rule_of_the_claims_that_is_named_exists() -> None:
    known = {int(number) for number in re.findall(r"^### Rule (\d+)\.", DOCUMENTS[Path(CLAIMS)], re.MULTILINE)}
    named = [(path, int(match[1])) for path, match in found(CLAIM_RULE, TEXTS)]

    assert known == set(range(1, 14))
    assert named
    assert [(str(path), number) for path, number in named if number not in known] == []


def test_code_says_of_which_document_a_numbered_rule_is() -> None:
    code = {path: text for path, text in TEXTS.items() if path.suffix in {".py", ".lua"}}
    nameless = [
        (str(path), match[0])
        for path, match in found(NUMBERED_RULE, code)
        if not match.string.endswith(f"{CLAIMS}, ", 0, match.start())
    ]

    assert nameless == []


def test_nothing_is_named_by_the_number_it_has_in_a_document_that_is_not_here() -> None:
    assert [(str(path), match[0]) for path, match in found(OF_NO_DOCUMENT, TEXTS)] == []


def test_every_source_file_that_a_document_names_exists() -> None:
    """By the end of its path. What an architecture decision names may be gone since."""
    files = [f"/{path.as_posix()}" for path in TEXTS]
    living = {path: text for path, text in DOCUMENTS.items() if path.parent.name != "adr"}
    named = {(str(path), match[0].strip("`")) for path, match in found(CODE_FILE, living)}

    assert len(named) > 50
    assert {(path, name) for path, name in named if not any(file.endswith(f"/{name}") for file in files)} == set()


def test_every_place_in_the_same_document_is_where_it_is_said_to_be() -> None:
    misplaced = []
    for path, match in found(PLACE, DOCUMENTS):
        see, title, where = match.groups()
        if not see and not where:
            continue
        after = [heading.start() > match.start() for heading in HEADING.finditer(match.string) if heading[1] == title]
        wanted = {"below": True, "above": False}.get(where)
        if not after or (wanted is not None and wanted not in after):
            misplaced.append((str(path), match[0]))

    assert misplaced == []
