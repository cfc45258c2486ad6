"""The faults that the study of the verifier puts into programs."""

import importlib.util
import random
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

STUDY = Path(__file__).parents[3] / "studies" / "mutants.py"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants_of_the_study", STUDY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PROGRAM = '''
def helper(x):
    return x + 1

def unused(x):
    return x * 2

def f(n, xs):
    """Documentation stays."""
    total = 0
    for i in range(n):
        if xs[i] < 3 and i > 0:
            total += helper(xs[i])
    return max(total, n - 1)
'''


def made(study: ModuleType, source: str, **options: Any) -> list[Any]:
    return study.mutants(source, "f", random.Random(0), **options)


def test_every_kind_occurs_once_where_there_are_enough(study: ModuleType) -> None:
    found = made(study, PROGRAM, at_most=100)
    kinds = Counter(mutant.kind for mutant in found)
    assert set(kinds.values()) == {1}
    assert {
        "constant off by one", "changed comparison", "changed operator", "negated condition",
        "dropped statement", "early return", "swapped arguments", "swapped operands", "and for or",
        "range one too short", "changed function", "returned nothing", "loop runs once",
    } <= kinds.keys()  # fmt: skip
    assert len({mutant.source for mutant in found}) == len(found)


def test_a_small_program_gets_at_least_five(study: ModuleType) -> None:
    assert len(made(study, "def f(a, b):\n    return a + b\n")) >= 5
    assert len(made(study, PROGRAM, at_most=6)) == 6


def test_mutants_are_programs_with_one_fault_in_what_is_called(study: ModuleType) -> None:
    for mutant in made(study, PROGRAM, at_most=100):
        compile(mutant.source, "mutant", "exec")
        assert "return x * 2" in mutant.source  # the function that nothing calls
        assert "Documentation stays." in mutant.source
        assert mutant.line > 0


def test_methods_are_changed_too(study: ModuleType) -> None:
    source = "class S:\n    def g(self, n):\n        return n + 1\n"
    assert study.mutants(source, "S", random.Random(0))
    assert study.mutants(source, "T", random.Random(0)) == []


def test_the_choice_is_repeatable(study: ModuleType) -> None:
    assert made(study, PROGRAM) == made(study, PROGRAM)
