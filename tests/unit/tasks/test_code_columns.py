"""Tests of programs from every source become one of two shapes."""

from typing import Any

import pytest

from cogitate.tasks.code_columns import code_tests

STDIO = [{"input": "2\n", "output": "4\n"}]


@pytest.mark.parametrize(
    ("parts", "tests"),
    [
        ({"type": "stdio", "tests": STDIO}, {"type": "stdio", "tests": STDIO}),
        ({"inputs": ["2\n"], "outputs": ["4\n"]}, {"type": "stdio", "tests": STDIO}),
        (
            {"inputs": [[2]], "outputs": [4], "fn_name": "square"},
            {"type": "function", "entry_point": "square", "tests": [{"input": [2], "output": 4}]},
        ),
        (
            {"language": "cpp", "test_cases": STDIO},
            {"type": "stdio", "tests": STDIO, "language": "cpp"},
        ),
        (
            [
                {
                    "input": "2",
                    "output": "4",
                    "testtype": "functional",
                    "metadata": {"func_name": "f"},
                }
            ],
            {"type": "function", "entry_point": "f", "tests": [{"input": "2", "output": "4"}]},
        ),
        (["assert f(1) == 2"], {"type": "function", "tests": ["assert f(1) == 2"]}),
    ],
)
def test_known_shapes(parts: Any, tests: dict[str, Any]):
    assert code_tests(parts) == tests


@pytest.mark.parametrize("parts", [{}, {"a": 1}, 5, None, "text"])
def test_what_is_not_recognised_is_left_to_the_check_of_gold_answers(parts: Any):
    assert code_tests(parts)["type"] == "unknown"
