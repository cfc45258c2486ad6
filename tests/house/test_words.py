"""A word means one thing: names that other systems use for our nouns are not used here.

The list is the right-hand column of docs/glossary.md. Only names that the package itself introduces
are checked; calls into other libraries keep theirs.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()

# "`use this` instead of `that`, `that`" rows of the glossary's table of banned names.
BANNED = {
    banned: row.group(1)
    for row in re.finditer(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", GLOSSARY, re.MULTILINE)
    for banned in re.findall(r"`(\w+)`", row.group(2))
}


def introduced(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield (node.id if isinstance(node, ast.Name) else node.attr), node.lineno


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")


def says(name: str, banned: str) -> bool:
    """Whether the banned words stand in the name as whole words.

    >>> says("response_mask", "response"), says("responsible", "response")
    (True, False)
    """
    return f"_{banned}_" in f"_{snake(name)}_"


def test_the_glossary_bans_something() -> None:
    assert len(BANNED) > 30
    assert BANNED["num_generations"] == "group_size"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_names(path: Path) -> None:
    tree = ast.parse(path.read_text())
    wrong = [
        f"{path.name}:{line}: {name}: say {ours}, not {banned}"
        for name, line in introduced(tree)
        for banned, ours in BANNED.items()
        if says(name, banned)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_conversions_are_spelt_out(path: Path) -> None:
    wrong = [n for n, _ in introduced(ast.parse(path.read_text())) if re.search(r"[a-z]2[a-z]", n)]
    assert wrong == [], "write x_to_y"
