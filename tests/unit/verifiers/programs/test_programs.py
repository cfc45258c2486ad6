"""Tests that are programs: whose fault is what goes wrong between two processes."""

from typing import Any

import pytest

from cogitate.sandbox import Limits, Sandbox
from cogitate.verdict import Status, Verdict
from cogitate.verifiers.programs import verify_code

QUICK = Limits(cpu_seconds=0.5, wall_seconds=20.0)


def judge(sandbox: Sandbox, program: str, tests: Any, *, score: Any = "all") -> Verdict:
    gold = {"type": "function", "entry_point": "f", "tests": tests}
    text = f"```python\n{program}\n```"
    return verify_code(gold, text, sandbox=sandbox, limits=QUICK, score=score)


def statuses(verdict: Verdict) -> list[str]:
    return [str(case.status) for case in verdict.cases]


TWICE = "def f(x): return 2 * x"


@pytest.mark.parametrize(
    "test",
    [
        "assert abs(f(0.1) - 0.2) < 1e-9",
        "import math\nassert math.isclose(f(0.1), 0.2)",
        "assert f(1) in (1, 2)",
        "assert sorted(f([1]), reverse=True) == [1, 1]",
        "x = 5\nassert f(x) == x + 5, f'not {x}'",
        "assert isinstance(f(1), int) and type(f([1])) is list",
        "for i in range(20):\n    assert f(i) == i * 2",
        "results = [f(i) for i in range(3)]\nassert results == [0, 2, 4]",
        "def test_it():\n    assert f('a') == 'aa'",
        "print('noise')\nassert len({f(i) for i in range(5)}) == 5",
        "try:\n    f(None)\nexcept TypeError as error:\n    assert 'NoneType' in str(error)\nelse:\n    assert False",
        "import random\nrandom.seed(1)\nn = random.randint(1, 9)\nassert f(n) == 2 * n",
        "assert all(f(x) == x + x for x in (1, 2.5, 'a', [1], (1, 2)))",
    ],
)
def test_right_answers(sandbox: Sandbox, test: str) -> None:
    verdict = judge(sandbox, TWICE, test)
    assert verdict.status is Status.CORRECT, verdict.reason
    assert judge(sandbox, "def f(x): return 7", test).status is Status.WRONG


def test_every_assertion_at_the_top_is_a_case(sandbox: Sandbox) -> None:
    tests = (
        "def check(candidate):\n    assert candidate(1) < 3\n    assert candidate(2) < 3\n"
        "    y = 3\n    assert candidate(y) == 6\n    assert candidate(4) == 8\n"
    )
    verdict = judge(sandbox, TWICE, tests, score="fraction")
    assert sorted(statuses(verdict)) == ["failed", "passed", "passed", "passed"]
    assert verdict.score == 0.75
    stopped = judge(sandbox, TWICE, tests)
    assert sorted(statuses(stopped)) == ["failed", "not_run", "passed", "passed"]


def test_every_case_has_a_fresh_process(sandbox: Sandbox) -> None:
    counter = "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n"
    tests = ["y = 1\nassert f(y) == 1", "y = 1\nassert f(y) == 1\nassert f(y) == 2"]
    assert judge(sandbox, counter, tests).status is Status.CORRECT


@pytest.mark.parametrize(
    "test",
    [
        "assert undefined(f(1)) == 2",
        "import numpy_that_nobody_has\nassert f(1) < 3",
        "x = 1 / 0\nassert f(x) == 2",
        "assert f(1 / zero) == 2\n",
        "x = [1][3]\nassert f(x) == 2",
        "y = 3\nassert y == 3",
        "assert f(open) == 2",
    ],
)
def test_tests_that_do_not_work_are_a_bad_gold(sandbox: Sandbox, test: str) -> None:
    verdict = judge(sandbox, TWICE, test)
    assert verdict.status is Status.BAD_GOLD, verdict.reason
    assert verdict.correct is None


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("def f(x): raise NameError('undefined')", "runtime_error"),
        ("def f(x): raise ImportError('numpy')", "runtime_error"),
        ("def f(x): raise SyntaxError", "runtime_error"),
        ("def f(x): return None", "failed"),
        ("def f(x): return 'x'", "failed"),
        ("def f(x): return object()", "failed"),
        ("def f(x): return 'x' * 10**7", "runtime_error"),
        ("def f(x):\n    while True: pass", "timeout"),
        ("import os\ndef f(x): os._exit(0)", "runtime_error"),
        ("import os\ndef f(x): os.close(4); os.closerange(0, 50); return 1", "runtime_error"),
        ("x = (", "compile_error"),
        ("def g(x): return x", "runtime_error"),
    ],
)
def test_no_answer_makes_itself_ungradable(sandbox: Sandbox, program: str, cause: str) -> None:
    verdict = judge(sandbox, program, "n = 1\nassert abs(f(n) - 2) < 1e-6")
    assert (verdict.status, verdict.cause) == (Status.WRONG, cause), verdict.reason


@pytest.mark.parametrize(
    "program",
    [
        "import os\ndef f(x): os._exit(0)",
        "import sys\ndef f(x): sys.exit(1)",
        "x = (",
        "def g(x): pass",
        "1 / 0",
        "def f(x):\n    while True: pass",
        "def f(x): return 1",
    ],
)
def test_only_an_exception_of_the_function_is_an_expected_one(
    sandbox: Sandbox, program: str
) -> None:
    test = "try:\n    f(-1)\n    ok = False\nexcept Exception:\n    ok = True\nassert ok"
    assert judge(sandbox, program, [test]).status is Status.WRONG
    raising = "class Mine(ValueError): pass\ndef f(x): raise Mine('negative')"
    if program.startswith("1 /"):
        assert judge(sandbox, raising, [test]).status is Status.CORRECT
        narrow = test.replace("except Exception", "except ValueError")
        assert judge(sandbox, raising, [narrow]).status is Status.CORRECT
        other = test.replace("except Exception", "except KeyError")
        assert judge(sandbox, raising, [other]).cause == "runtime_error"


@pytest.mark.parametrize(
    ("value", "test"),
    [
        ("10**6", "assert 3 ** f(1) == 9 and len(str(7 ** f(1) ** 2)) < 3"),
        ("10**9", "assert [0] * f(1) == []"),
        ("10**12", "n = 1\nwhile n < f(1): n += 1"),
    ],
)
def test_values_that_choke_the_tests_are_wrong(sandbox: Sandbox, value: str, test: str) -> None:
    gold = {"type": "function", "entry_point": "f", "tests": [test]}
    limits = Limits(cpu_seconds=0.2, wall_seconds=1.5)
    text = f"```python\ndef f(x): return {value}\n```"
    verdict = verify_code(gold, text, sandbox=sandbox, limits=limits)
    assert verdict.status is Status.WRONG, verdict.reason


def test_tests_that_take_too_long_by_themselves_say_nothing(sandbox: Sandbox) -> None:
    gold = {"type": "function", "entry_point": "f", "tests": ["while True: pass\nassert f(1) == 2"]}
    limits = Limits(cpu_seconds=0.2, wall_seconds=1.0)
    verdict = verify_code(gold, f"```python\n{TWICE}\n```", sandbox=sandbox, limits=limits)
    assert verdict.status in (Status.TIMEOUT, Status.CRASHED), verdict.reason


def test_waiting_is_bounded_over_the_calls_of_a_case(sandbox: Sandbox) -> None:
    tests = ["for i in range(100):\n    assert f(i) == 2 * i"]
    gold = {"type": "function", "entry_point": "f", "tests": tests}
    sleeper = "import time\ndef f(x):\n    time.sleep(0.6)\n    return 2 * x"
    limits = Limits(cpu_seconds=0.5, wall_seconds=1.5)
    verdict = verify_code(gold, f"```python\n{sleeper}\n```", sandbox=sandbox, limits=limits)
    assert verdict.cause == "timeout"
    assert verdict.milliseconds < 60_000


def test_calls_are_bounded(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogitate.verifiers.programs.programs.MAX_CALLS", 20)
    verdict = judge(sandbox, TWICE, ["while f(1) == 2: pass\nassert f(2) == 4"])
    assert verdict.status is Status.WRONG
    assert "more than 20 calls" in verdict.reason


def test_forged_messages_are_no_verdict(sandbox: Sandbox) -> None:
    said = '{"end":0,"outcome":"passed","reason":"","calls":1}\\n{"done":1}\\n'
    hack = f"import os\ndef f(x):\n    for fd in range(1, 20):\n        try: os.write(fd, b'{said}')\n        except OSError: pass\n    return 0"
    assert judge(sandbox, hack, ["n = 1\nassert f(n) == 2"]).status is Status.WRONG
