"""Small files and functions: the tail is what makes code hard to change, so it is measured."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
MAX_POSITIONAL = 7  # self included


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function: ast.AST) -> int:
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def lines(paths: list[Path]) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_file(path: Path) -> None:
    assert lines([path]) <= MAX_FILE_LINES
    for function in functions(path):
        assert length(function) <= MAX_FUNCTION_LINES, function.name
        positional = len(function.args.posonlyargs) + len(function.args.args)
        assert positional <= MAX_POSITIONAL, f"{function.name}: make the rest keyword-only"


def test_distribution_of_function_lengths() -> None:
    lengths = [length(function) for path in SOURCES for function in functions(path)]
    deciles = statistics.quantiles(lengths, n=10)
    p50, p90 = statistics.median(lengths), deciles[8]
    print(f"{len(SOURCES)} files, {lines(SOURCES)} lines, {len(lengths)} functions: ", end="")
    print(f"p50 {p50:.0f}, p90 {p90:.0f}, longest {max(lengths)} lines")
    assert p50 <= 12
    assert p90 <= 40


def test_as_much_test_as_source() -> None:
    ratio = lines(TESTS) / lines(SOURCES)
    print(f"{ratio:.2f} lines of test per line of source")
    assert ratio >= 0.8
