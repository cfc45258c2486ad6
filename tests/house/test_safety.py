"""What the package never does: run text as code, unpickle, swallow errors, hide from checks."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

FORBIDDEN_CALLS = {"eval", "exec", "compile", "torch.load", "torch.save", "os.system"}
FORBIDDEN_MODULES = {"pickle", "shelve", "marshal", "dill", "cloudpickle"}
# Where failures of code that is not ours end: user-supplied rewards and trackers, HTTP, sandbox.
MAY_CATCH_EVERYTHING = "# noqa: BLE001"


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_source(path: Path) -> None:
    text = path.read_text()
    source_lines = text.splitlines()
    imported: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            assert dotted(node.func) not in FORBIDDEN_CALLS, f"line {node.lineno}"
        elif isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"
            if dotted(node.type) in ("Exception", "BaseException"):
                reraises = any(isinstance(n, ast.Raise) for n in ast.walk(node))
                allowed = MAY_CATCH_EVERYTHING in source_lines[node.lineno - 1]
                assert reraises or allowed, f"line {node.lineno}: say which errors"
    assert not imported & FORBIDDEN_MODULES
    if "jaxtyping" in imported:
        assert "from __future__ import annotations" not in text, "it switches the shape check off"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_no_module_takes_the_name_of_a_standard_one(path: Path) -> None:
    name = path.parent.name if path.name == "__init__.py" else path.stem
    assert name.startswith("__") or name not in sys.stdlib_module_names


def only_shapes(function: ast.FunctionDef) -> bool:
    asserts = [n for n in ast.walk(function) if isinstance(n, ast.Assert)]
    return bool(asserts) and all(
        isinstance(a.test, ast.Compare)
        and isinstance(a.test.left, ast.Attribute)
        and a.test.left.attr in ("shape", "ndim", "dtype")
        for a in asserts
    )


def test_no_test_asserts_only_a_shape() -> None:
    weak = [
        f"{path.name}::{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and only_shapes(node)
    ]
    assert weak == []
