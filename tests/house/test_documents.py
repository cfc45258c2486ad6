"""The documents say what is there: papers, commands, settings, links, extras."""

import ast
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from cogitate.extras import EXTRAS

ROOT = Path(__file__).parents[2]
PAPERS = (ROOT / "docs" / "papers.md").read_text()
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md") for path in ROOT.glob(pattern) if path.is_file()
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


class TestPapers:
    NAMES = sorted(set(re.findall(r"`(cogitate\.[\w.]+)`", PAPERS)))

    @pytest.mark.parametrize("name", NAMES)
    def test_every_function_it_names_exists(self, name: str) -> None:
        parts = name.split(".")
        for split in range(len(parts), 0, -1):
            try:
                value = import_module(".".join(parts[:split]))
            except ModuleNotFoundError:
                continue
            for attribute in parts[split:]:
                value = getattr(value, attribute)
            return
        pytest.fail(f"docs/papers.md names {name}, which does not exist")

    def test_every_paper_in_the_code_is_in_the_map(self) -> None:
        cited = {
            paper: name_of(path)
            for path in sorted((ROOT / "src").rglob("*.py"))
            for paper in re.findall(r"arXiv:(\d{4}\.\d{4,5})", path.read_text())
        }
        missing = {paper: where for paper, where in cited.items() if paper not in PAPERS}
        assert missing == {}
        assert len(cited) > 10


def commands(path: Path) -> list[str]:
    """Command lines in the fenced code blocks and inline code of a document."""
    text = path.read_text()
    blocks = re.findall(r"```(?:bash|sh|console)?\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", text)
    found = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [*found, *inline]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
class TestCommands:
    TARGETS = frozenset(
        re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )

    def test_make_targets_exist(self, path: Path) -> None:
        for command in commands(path):
            match = re.match(r"make ([a-z][\w-]*)", command)
            assert not match or match.group(1) in self.TARGETS, command

    def test_cogitate_commands_exist(self, path: Path) -> None:
        from cogitate.cli.parser import build_parser

        help_text = build_parser().format_help()
        for command in commands(path):
            match = re.match(r"cogitate ([a-z][\w-]*)", command)
            assert not match or re.search(rf"\b{match.group(1)}\b", help_text), command

    def test_links_lead_somewhere(self, path: Path) -> None:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
            if "://" not in target and not target.startswith("mailto:"):
                assert (path.parent / target).exists(), target

    def test_configs_exist(self, path: Path) -> None:
        for config in re.findall(r"\bconfigs/[\w-]+\.toml\b", path.read_text()):
            assert (ROOT / config).is_file(), config


def test_extras_are_those_of_the_project_file() -> None:
    declared = PROJECT["project"]["optional-dependencies"]
    assert {extra.name for extra in EXTRAS} <= declared.keys()
    for extra in EXTRAS:
        packages = {re.split(r"[<>=\[]", p)[0].replace("-", "_") for p in declared[extra.name]}
        assert set(extra.modules) <= packages, extra.name


def test_constraints_pin_every_dependency() -> None:
    pinned = {
        re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["data"], *extras["hub"], *extras["dev"]]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=\[;]", w)[0]).lower() for w in wanted}
    assert names - pinned == set()


def test_every_target_of_the_makefile_is_in_its_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: ([\w-]+)$", makefile, re.MULTILINE))
    described = set(re.findall(r"^([a-z][\w-]*):.*?## ", makefile, re.MULTILINE))
    assert phony == described


def test_glossary_explains_each_word_once() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text(), re.M)
    assert len(rows) == len(set(rows))
    assert len(rows) > 25


def test_every_decision_has_context_decision_and_consequence() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        for heading in ("## Context", "## Decision", "## Consequence"):
            assert heading in path.read_text(), (path.name, heading)


def test_module_docstrings() -> None:
    silent = [
        name_of(path)
        for path in sorted((ROOT / "src").rglob("*.py"))
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
