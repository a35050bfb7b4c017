"""docs/errors.md has every exception of the program, with its base and with what callers do about it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
TREE = PAGE.partition("```\n")[2].partition("```")[0]
NODE = re.compile(r"^(?P<indent>[│├└─ ]*)(?P<name>\w+)$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+Error)` \|", re.MULTILINE)
INDENT = 4
PYTHONS_AND_CLICKS = {"Exception", "ValueError", "ClickException"}


def defined() -> dict[str, set[str]]:
    """The exception classes of `saving_alerts` with the names of their bases."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "saving_alerts").rglob("*.py")]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {each.name: set(map(base_name, each.bases)) for each in classes if each.name.endswith("Error")}


def base_name(base: ast.expr) -> str:
    return ast.unparse(base).rpartition(".")[2]


def drawn() -> dict[str, str]:
    """The names in the tree, each with the one above it."""
    above: list[str] = []
    parents = {}
    for node in NODE.finditer(TREE):
        depth = len(node["indent"]) // INDENT
        above = [*above[:depth], node["name"]]
        parents[node["name"]] = above[depth - 1] if depth else ""
    return parents


CLASSES = defined()
PARENTS = drawn()
PUBLIC = {name for name in CLASSES if not name.startswith("_")}


def test_the_tree_has_every_exception_and_no_other() -> None:
    assert len(PUBLIC) > 15
    assert set(PARENTS) - PYTHONS_AND_CLICKS == PUBLIC


def test_every_exception_stands_below_its_base() -> None:
    assert {name for name in PUBLIC if PARENTS.get(name) not in CLASSES[name]} == set()


def test_every_exception_of_one_module_leaves_it_as_one_of_the_tree() -> None:
    assert {name for name in CLASSES if name not in PUBLIC and not CLASSES[name] & PUBLIC} == set()


def test_every_exception_has_a_row_that_says_who_catches_it() -> None:
    assert sorted(ROW.findall(PAGE)) == sorted(PUBLIC)
