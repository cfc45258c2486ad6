"""Tests in Python, sorted into direct cases and a program."""

import json
from typing import Any

import pytest

from cogitate.verifiers.programs.assertions import CASE, DirectCase, sort_tests
from cogitate.verifiers.programs.inside.values import decode


def call_of(case: DirectCase) -> tuple[str, list[Any], dict[str, Any]]:
    call = json.loads(case.call)
    named = {name: decode(value) for name, value in call["named"].items()}
    return call["call"], [decode(value) for value in call["args"]], named


def direct(*tests: str, entry: str = "f") -> list[DirectCase]:
    _, cases, program = sort_tests(list(tests), entry=entry)
    assert program is None
    return list(cases)


def test_literal_assertions_are_direct() -> None:
    first, second = direct("assert f(1, 'a', k=[2]) == (3, None)", "assert f() == -1, 'message'")
    assert call_of(first) == ("f", [1, "a"], {"k": [2]})
    assert (first.check, first.expected) == ("equal", (3, None))
    assert call_of(second) == ("f", [], {})
    assert second.expected == -1


@pytest.mark.parametrize(
    ("test", "check", "expected"),
    [
        ("assert 3 == f(1)", "equal", 3),
        ("assert f(1)", "true", None),
        ("assert not f(1)", "false", None),
        ("assert f(1) is True", "is", True),
        ("assert f(1) is None", "is", None),
        ("assert f(1) == True", "equal", True),
        ("assert f(10**9) == 10**9 + 1", "equal", 10**9 + 1),
    ],
)
def test_kinds_of_checks(test: str, check: str, expected: object) -> None:
    (case,) = direct(test)
    assert (case.check, case.expected) == (check, expected)


@pytest.mark.parametrize(
    "test",
    [
        "assert f(1) != 3", "assert f(1) in (1, 2)", "assert f(1) is 3", "assert abs(f(1) - 2) < 1e-6",
        "assert f(1) == g(2)", "assert f(*[1]) == 1", "assert f(**{'a': 1}) == 1", "assert f(x) == 1",
        "assert f(1) == f(2)", "assert 1 < f(1) < 3", "assert f(1) == 3 and f(2) == 4", "f(1)",
        "assert sorted(f(1)) == [1]", "x = f(1)", "assert f(1) == ...", "assert f([1] * 3) == 3",
        "for i in range(3):\n    assert f(i) == i", "assert f(1)[0] == 2", "y = 1\nassert f(y) == 2",
    ],
)  # fmt: skip
def test_everything_else_runs(test: str) -> None:
    _, cases, program = sort_tests([test], entry="f")
    assert not cases
    assert program is not None
    assert program.num_cases == 1
    assert f"with {CASE}(0):" in program.source


def test_check_functions_are_opened() -> None:
    tests = (
        "METADATA = {'author': 'x'}\n"
        "def check(candidate):\n"
        "    '''Tests.'''\n"
        "    import math\n"
        "    assert candidate(1) == 2\n"
        "    assert True, 'fine so far'\n"
        "    assert math.isclose(candidate(2), 4.0)\n"
        "    for i in range(3):\n"
        "        assert candidate(i) == 2 * i\n"
    )
    entry, cases, program = sort_tests(tests, entry="twice")
    assert entry == "twice"
    assert [call_of(case) for case in cases] == [("twice", [1], {})]
    assert program is not None
    assert program.num_cases == 2
    assert program.source.splitlines()[:2] == ["METADATA = {'author': 'x'}", "import math"]


def test_the_name_of_the_parameter_is_free() -> None:
    tests = "def check(fn):\n    assert fn(1) == 2\n    assert fn(1) < 3\n\ncheck(Solution().twice)"
    _, cases, program = sort_tests(tests, entry="Solution().twice")
    assert call_of(cases[0]) == ("Solution().twice", [1], {})
    assert program is not None
    assert (program.candidate, program.num_cases) == ("fn", 1)
    assert "check" not in program.source


def test_methods_may_be_called_in_full() -> None:
    (case,) = direct("assert Solution().f(n=3) == 4", entry="Solution().f")
    assert call_of(case) == ("Solution().f", [], {"n": 3})


def test_a_check_function_that_returns_stays_one() -> None:
    tests = (
        "def check(candidate):\n    if candidate(1):\n        return\n    assert candidate(2) == 1"
    )
    _, cases, program = sort_tests(tests, entry="f")
    assert not cases
    assert program is not None
    assert program.num_cases == 1
    assert "def check(candidate):" in program.source
    assert "check(candidate)" in program.source.splitlines()[-1]


def test_returns_of_inner_functions_do_not_count() -> None:
    tests = (
        "def check(candidate):\n    def g(x):\n        return x\n    assert candidate(g(1)) == 2\n"
        "    assert candidate(1) == 2"
    )
    _, cases, program = sort_tests(tests, entry="f")
    assert len(cases) == 1
    assert program is not None
    assert program.source.startswith("def g(x):")


def test_functions_in_the_style_of_pytest() -> None:
    tests = (
        "from solution import f\n\ndef test_one():\n    assert f(1) == 2\n\ndef helper(): pass\n"
    )
    _, _, program = sort_tests(tests, entry="f")
    assert program is not None
    assert program.num_cases == 1
    assert "import" not in program.source
    assert program.source.count(f"with {CASE}(0):\n    test_one()") == 1


def test_a_piece_with_several_direct_assertions_is_several_cases() -> None:
    assert len(direct("assert f(1) == 2\nassert f(2) == 4")) == 2


def test_pieces_share_what_they_set_up() -> None:
    _, _, program = sort_tests(["import math", "x = 1", "assert f(x) == 2"], entry="f")
    assert program is not None
    assert program.num_cases == 1
    assert program.source.startswith("import math\nx = 1\nwith ")


def test_the_function_is_found_where_nobody_names_it() -> None:
    tests = ["assert set(solve(1)) == {1}", "assert len(solve(2)) == helper(3)", "assert solve(3)"]
    assert sort_tests(tests, entry=None)[0] == "solve"
    with pytest.raises(ValueError, match="entry_point"):
        sort_tests(["assert len([1]) == 1"], entry=None)


def test_classes_of_the_submission_are_handed_through() -> None:
    _, _, program = sort_tests(["assert f([Pair(1, 2)], 3) == 4"], entry="f")
    assert program is not None
    assert program.opaque == ("Pair",)


@pytest.mark.parametrize(
    "test",
    [
        "assert f(N) == 4",
        "assert f(helper) == 4",
        "assert helper(f(1)) == 4",
        "assert f(P(1)) == P(1)",
        "from m import *\nassert f(Pair(1)) == 1",
    ],
)
def test_other_unknown_names_stay_unknown(test: str) -> None:
    _, _, program = sort_tests([test], entry="f")
    assert program is not None
    assert program.opaque == ()


def test_names_of_the_set_up_are_known() -> None:
    tests = ["assert poly(f(1)) == 0"]
    _, _, program = sort_tests(tests, entry="f", setup="def poly(x):\n    return x - 1\n")
    assert program is not None
    assert program.opaque == ()


@pytest.mark.parametrize(
    ("tests", "words"),
    [
        (["assert f(1 == 2"], "not Python"),
        (["\x00"], "not Python"),
        (["class T(unittest.TestCase):\n    pass"], "unittest"),
        (["assert " + "(" * 1000], "not Python"),
        (["#" * 2_000_001], "more than"),
    ],
)
def test_what_is_refused(tests: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sort_tests(tests, entry="f")


def test_main_guards_are_left_out() -> None:
    tests = "assert f(1) == 2\nif __name__ == '__main__':\n    f(0)\n"
    _, cases, program = sort_tests(tests, entry="f")
    assert (len(cases), program) == (1, None)
