"""Gold answers, read and checked."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogitate.verifiers.programs.comparison import Comparison
from cogitate.verifiers.programs.gold import (
    FunctionTask,
    StdioTask,
    check_code_gold,
    node_types,
    read_gold,
)

STDIO = {"type": "stdio", "tests": [{"input": "1\n", "output": "2\n"}]}
FUNCTION = {"type": "function", "entry_point": "f", "tests": ["assert f(1) == 2"]}


def stdio(**fields: Any) -> StdioTask:
    task = read_gold({**STDIO, **fields})
    assert isinstance(task, StdioTask)
    return task


def function(**fields: Any) -> FunctionTask:
    task = read_gold({**FUNCTION, **fields})
    assert isinstance(task, FunctionTask)
    return task


def test_programs() -> None:
    task = stdio()
    assert [(case.given, case.expected) for case in task.cases] == [(b"1\n", b"2\n")]
    assert (task.comparison, task.languages, task.bare) == (Comparison(), ("python",), False)
    assert stdio(language="any").languages == ("python", "cpp")
    assert stdio(tests=[{"input": ["1", "2"], "output": ["3", "4"]}]).cases[0].given == b"1\n2"


def test_types_are_inferred_from_the_rows_of_data_sets() -> None:
    assert isinstance(read_gold({"io": "stdin", "tests": STDIO["tests"]}), StdioTask)
    row = {"entry_point": "f", "tests": ["assert f(1) == 2"], "split": "test"}
    assert isinstance(read_gold(row), FunctionTask)


def test_functions() -> None:
    task = function()
    assert (task.entry, task.defines, task.num_cases, task.prelude) == ("f", "f", 1, False)
    method = function(entry_point="Solution().f", tests="def check(c):\n    assert c(n=1) == 2")
    assert (method.defines, method.prelude) == ("Solution", True)
    assert function(prelude=True).prelude


def test_a_prompt_counts_only_where_it_begins_the_program() -> None:
    assert function(prompt="Write f.").before == ""
    task = function(prompt="def f(x):\n    pass\n", style="completion", setup="import math")
    assert (task.before, task.bare) == ("def f(x):\n    pass\n", True)
    assert task.setup.split() == ["def", "f(x):", "pass", "import", "math"]


@pytest.mark.parametrize(
    ("given", "args", "named"),
    [
        ({"a": 1, "b": [2]}, [], {"a": 1, "b": [2]}),
        ([1, [2]], [1, [2]], {}),
        ('[1, 2]\n"x"\n', [[1, 2], "x"], {}),
    ],
)
def test_calls_in_json(given: object, args: list[object], named: dict[str, object]) -> None:
    output: object = "3" if isinstance(given, str) else 3
    (case,) = function(tests=[{"input": given, "output": output}]).direct
    call = json.loads(case.call)
    assert call["args"] == args
    assert call["named"] == named
    assert (case.expected, case.as_json) == (3, True)


STARTER = (
    "class Solution:\n"
    "    def merge(self, lists: List[Optional[ListNode]], root: Optional[TreeNode], k: int)"
    " -> Optional[ListNode]:"
)


def test_lists_that_stand_for_nodes() -> None:
    types = node_types(STARTER, "merge")
    assert types == {"lists": "[]ListNode", "root": "TreeNode", "k": "", "return": "ListNode"}
    tests = [
        {"input": {"lists": [[1, 2], []], "root": [1, None, 2], "k": 3}, "output": []},
        {"input": [[[1]], None, 3], "output": [1]},
    ]
    entry = "Solution().merge"
    first, second = function(tests=tests, entry_point=entry, starter_code=STARTER).direct
    named = json.loads(first.call)["named"]
    assert named == {"lists": [{"l": [1, 2]}, None], "root": {"e": [1, None, 2]}, "k": 3}
    assert first.expected is None  # a list of no nodes is no node
    assert json.loads(second.call)["args"] == [[{"l": [1]}], None, 3]
    assert second.expected == [1]
    assert node_types("class Solution:\n  def f(self", "f") == {}


@pytest.mark.parametrize(
    ("gold", "words"),
    [
        (None, "mapping"),
        ([], "mapping"),
        ({}, "entry_point is missing"),
        ({"type": "unit"}, "neither"),
        ({**STDIO, "tests": []}, "0 tests"),
        ({**STDIO, "tests": "4"}, "list"),
        ({**STDIO, "tests": [{}]}, "input and output"),
        ({**STDIO, "tests": [4]}, "input and output"),
        ({**STDIO, "tests": [{"input": "", "output": None}]}, "text"),
        ({**STDIO, "tests": [{"input": "", "output": " \n"}]}, "would pass"),
        ({**STDIO, "tests": [STDIO["tests"][0]] * 10_001}, "between"),  # type: ignore[index]
        ({**STDIO, "language": "cobol"}, "cobol"),
        ({**STDIO, "comparison": "fuzzy"}, "none of"),
        ({**STDIO, "time_limit": 0}, "time_limit"),
        ({**STDIO, "time_limit": float("inf")}, "time_limit"),
        ({**STDIO, "memory_limit": True}, "memory_limit"),
        ({**FUNCTION, "tests": None}, "list"),
        ({**FUNCTION, "entry_point": "f; x"}, "entry_point"),
        ({**FUNCTION, "entry_point": "f().g()"}, "entry_point"),
        ({**FUNCTION, "entry_point": 5}, "entry_point"),
        ({**FUNCTION, "tests": ["assert f(1"]}, "not Python"),
        ({**FUNCTION, "tests": ["assert True"]}, "test nothing"),
        ({**FUNCTION, "tests": [{"input": 5, "output": 1}]}, "mapping or a list"),
        ({**FUNCTION, "tests": [{"input": "{", "output": "1"}]}, "no JSON"),
        ({**FUNCTION, "tests": [{"input": [1]}]}, "input and output"),
        ({**FUNCTION, "tests": [{"input": [1], "output": object()}]}, "not plain"),
        ({**FUNCTION, "changed": 1.5}, "changed"),
        ({"type": "function", "tests": [{"input": [1], "output": 1}]}, "entry_point is missing"),
    ],
)
def test_what_cannot_be_used(gold: object, words: str) -> None:
    fault = check_code_gold(gold)
    assert fault is not None
    assert words in fault


def test_what_can_be_used() -> None:
    assert check_code_gold(STDIO) is None
    assert check_code_gold(FUNCTION) is None
    assert check_code_gold({**STDIO, "difficulty": "hard"}) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
tests_of_some_kind = st.lists(
    st.sampled_from(
        ["assert f(1) == 2", "x = 1", "assert f(x)", "", "def check(c): assert c(1)", "]", "\ud800"]
    )
    | st.fixed_dictionaries({"input": json_values, "output": json_values}),
    max_size=3,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["stdio", "function"]) | json_values,
        "tests": tests_of_some_kind | st.text(max_size=20) | json_values,
        "entry_point": st.sampled_from(["f", "Solution().f", "x.y"]) | json_values,
        "io": json_values,
        "language": json_values,
        "comparison": json_values,
        "changed": json_values,
        "packages": json_values,
        "prompt": json_values,
        "style": st.just("completion") | json_values,
        "setup": json_values,
        "starter_code": json_values,
        "time_limit": json_values,
        "memory_limit": json_values,
        "prelude": json_values,
        "bare": json_values,
    },
)


@given(fields | json_values)
@settings(max_examples=300)
def test_no_gold_raises(gold: object) -> None:
    fault = check_code_gold(gold)
    assert fault is None or fault
