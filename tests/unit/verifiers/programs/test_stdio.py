"""Programs that read and write, in the sandbox."""

import shutil
from typing import Any

import pytest

from cogitate.sandbox import Limits, Outcome, Program, RunResult, Sandbox
from cogitate.verdict import Status, Verdict
from cogitate.verifiers.programs import verify_code

SQUARES = [{"input": f"{n}\n", "output": f"{n * n}\n"} for n in (2, 3, 10)]
QUICK = Limits(cpu_seconds=0.5, wall_seconds=20.0)


def judge(sandbox: Sandbox, program: str, *, score: Any = "all", **fields: Any) -> Verdict:
    gold = {"type": "stdio", "tests": SQUARES, **fields}
    text = f"<think>hm</think>\n```python\n{program}\n```"
    return verify_code(gold, text, sandbox=sandbox, limits=QUICK, score=score)


def statuses(verdict: Verdict) -> list[str]:
    return [str(case.status) for case in verdict.cases]


@pytest.mark.parametrize(
    "program",
    [
        "n = int(input())\nprint(n * n)",
        "import sys\nn = int(sys.stdin.read())\nsys.stdout.write(f'  {n * n} \\r\\n\\n')\nexit()",
        "def main():\n    n = int(input())\n    print(n ** 2)\nif __name__ == '__main__':\n    main()\n    quit(0)",
        "import sys\nsys.stderr.write('noise\\n' * 1000)\nprint(int(input()) ** 2)",
        "assert 'sys' not in globals() and 'main' not in globals()\nprint(int(input()) ** 2)",
        "import threading\nt = threading.Thread(target=lambda: print(int(input()) ** 2))\nt.start()",
        "print(int(input()) ** 2, end='')  # é ✓",
    ],
)
def test_right_programs(sandbox: Sandbox, program: str) -> None:
    verdict = judge(sandbox, program)
    assert verdict.status is Status.CORRECT, verdict.reason
    assert statuses(verdict) == ["passed"] * 3
    assert verdict.engine == f"python/{sandbox.name}"
    assert verdict.milliseconds > 0
    assert all(case.seconds > 0 for case in verdict.cases)


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("print(int(input()) * 3)", "failed"),
        ("pass", "failed"),
        ("import os\nos._exit(0)", "failed"),
        ("print(int(input()) ** 2)\nraise SystemExit(3)", "runtime_error"),
        ("print(int(input()) ** 2)\n1 / 0", "runtime_error"),
        ("print(int(input()) ** 2", "compile_error"),
        ("x = '\x00'", "compile_error"),
        ("while True: pass", "timeout"),
        ("while True: print('x' * 1000)", "output_limit"),
        ("x = bytearray(10**10)", "resource_limit"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "runtime_error"),
        ("print(open('/etc/shadow').read())", "runtime_error"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 80), 1)", "runtime_error"),
        ("import glob\nprint([open(p).read() for p in glob.glob('*')])", "failed"),
        ("import os\nprint(os.environ, os.listdir('/proc'))", "failed"),
    ],
)
def test_wrong_programs(sandbox: Sandbox, program: str, cause: str) -> None:
    verdict = judge(sandbox, program)
    assert (verdict.status, verdict.cause) == (Status.WRONG, cause), verdict.reason
    assert verdict.score == 0.0
    assert statuses(verdict)[1:] == ["not_run", "not_run"]


def test_hard_coded_answers_fail_the_test_they_do_not_know(sandbox: Sandbox) -> None:
    verdict = judge(sandbox, "print({2: 4, 3: 9}.get(int(input()), 0))")
    assert statuses(verdict) == ["passed", "passed", "failed"]
    assert "case 3 of 3" in verdict.reason
    fraction = judge(sandbox, "print({2: 4, 3: 9}.get(int(input()), 0))", score="fraction")
    assert fraction.status is Status.WRONG
    assert fraction.score == pytest.approx(2 / 3)


def test_a_share_of_the_cases(sandbox: Sandbox) -> None:
    verdict = judge(sandbox, "n = int(input())\nprint(n * n if n > 2 else 0)", score="fraction")
    assert statuses(verdict) == ["failed", "passed", "passed"]
    assert (verdict.score, verdict.cause) == (pytest.approx(2 / 3), "failed")
    assert judge(sandbox, "print(int(input()) ** 2)", score="fraction").score == 1.0


def test_comparison_is_declared(sandbox: Sandbox) -> None:
    program = "n = int(input())\nprint(n * n + 1e-9)"
    assert judge(sandbox, program).status is Status.WRONG
    assert judge(sandbox, program, comparison="float").status is Status.CORRECT


def test_limits_of_the_task_win(sandbox: Sandbox) -> None:
    program = "import time\nwhile time.process_time() < 0.8: pass\nprint(int(input()) ** 2)"
    tests = SQUARES[:1]
    assert judge(sandbox, program, tests=tests).cause == "timeout"
    assert judge(sandbox, program, tests=tests, time_limit=5).status is Status.CORRECT
    memory = "x = bytearray(300 * 2**20)\nprint(int(input()) ** 2)"
    assert judge(sandbox, memory, tests=tests, time_limit=5).status is Status.CORRECT
    assert judge(sandbox, memory, tests=tests, memory_limit=64).cause == "resource_limit"


ANY_DIVISOR = """
def check(given, written, expected):
    n, d = int(given), int(written)
    return 1 < d < n and n % d == 0
"""


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("print(3)", ""),
        ("print(5)", ""),
        ("print(4)", "failed"),
        ("print('three')", "failed"),
        ("print(3)\nexit(1)", "runtime_error"),
    ],
)
def test_checkers(sandbox: Sandbox, program: str, cause: str) -> None:
    tests = [{"input": "15\n", "output": "3\n"}]
    checker = {"rule": "checker", "source": ANY_DIVISOR, "function": "check"}
    verdict = judge(sandbox, program, tests=tests, comparison=checker)
    assert verdict.cause == cause, verdict.reason
    assert (verdict.status is Status.CORRECT) is not bool(cause)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def check(i, o, e): return True", Status.CORRECT),
        ("def check(i, o, e): print('True'); return o == e", Status.WRONG),
        ("def check(i, o, e): return o == e or 1 / 0", Status.WRONG),
        ("def check(i, o, e): return 1 / 0", Status.BAD_GOLD),
        ("def check(i, o, e): return undefined", Status.BAD_GOLD),
        ("def check(i, o, e:", Status.BAD_GOLD),
        ("def other(): pass", Status.BAD_GOLD),
        ("import os\ndef check(i, o, e): os._exit(0)", Status.BAD_GOLD),
        ("def check(i, o, e):\n    while o != e: pass\n    return True", Status.WRONG),
    ],
)
def test_whose_fault_a_checker_is(sandbox: Sandbox, source: str, status: Status) -> None:
    tests = [{"input": "", "output": "yes"}]
    checker = {"rule": "checker", "source": source}
    verdict = judge(sandbox, "print('no')", tests=tests, comparison=checker)
    assert verdict.status is status, verdict.reason


def test_a_checker_without_expected_output_may_stumble_over_nonsense(sandbox: Sandbox) -> None:
    tests = [{"input": "15\n", "output": ""}]
    checker = {"rule": "checker", "source": ANY_DIVISOR}
    assert judge(sandbox, "print(5)", tests=tests, comparison=checker).status is Status.CORRECT
    assert judge(sandbox, "print('x')", tests=tests, comparison=checker).status is Status.WRONG


needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
CPP = "#include <iostream>\nint main() { long n; std::cin >> n; std::cout << n * n; }"


@needs_compiler
@pytest.mark.parametrize(
    ("program", "cause"),
    [
        (CPP, ""),
        (CPP.replace("n * n", "n + n"), "failed"),
        (CPP.replace("std::cin", "cin"), "compile_error"),
        (CPP.replace("std::cout << n * n;", "return 1;"), "runtime_error"),
        ('#include "/etc/shadow"\n' + CPP, "compile_error"),
    ],
)
def test_cpp(sandbox: Sandbox, program: str, cause: str) -> None:
    gold = {"type": "stdio", "tests": SQUARES[:2], "language": "cpp"}
    verdict = verify_code(gold, f"```cpp\n{program}\n```", sandbox=sandbox)
    assert verdict.cause == cause, verdict.reason
    assert verdict.engine == f"cpp/{sandbox.name}"


def test_the_block_says_the_language_where_any_is_allowed(sandbox: Sandbox) -> None:
    gold = {"type": "stdio", "tests": SQUARES[:1], "language": "any"}
    verdict = verify_code(gold, "```py\nprint(int(input()) ** 2)\n```", sandbox=sandbox)
    assert verdict.status is Status.CORRECT
    gold["language"] = "cpp"
    verdict = verify_code(gold, "```py\nprint(int(input()) ** 2)\n```", sandbox=sandbox)
    assert verdict.status is Status.UNPARSEABLE


class Broken:
    """A sandbox that never works."""

    name = "broken"

    def run(self, program: Program) -> RunResult:
        return RunResult(outcome=Outcome.INTERNAL_ERROR, reason="no bwrap")

    def spawn(self, program: Program, *, read_only: tuple[str, ...] = ()) -> Any:
        raise OSError("no bwrap")


@pytest.mark.parametrize("score", ["all", "fraction"])
@pytest.mark.parametrize(
    "gold",
    [
        {"type": "stdio", "tests": SQUARES},
        {"type": "stdio", "tests": SQUARES, "language": "cpp"},
        {"type": "function", "entry_point": "f", "tests": ["assert f(1) == 2"]},
        {"type": "function", "entry_point": "f", "tests": ["assert f(1) < 2"]},
    ],
)
def test_a_broken_sandbox_says_nothing_about_the_answer(gold: Any, score: Any) -> None:
    text = "```python\nx\n```\n```cpp\nx\n```"
    verdict = verify_code(gold, text, sandbox=Broken(), score=score)
    assert (verdict.status, verdict.score) == (Status.CRASHED, 0.0)
    assert "no bwrap" in verdict.reason
    assert verdict.correct is None


@pytest.mark.parametrize(
    ("text", "status", "cause"),
    [
        ("print(4)", Status.UNPARSEABLE, "no_code"),
        ("", Status.UNPARSEABLE, "no_code"),
        ("<think>```python\nx\n```", Status.UNPARSEABLE, "no_code"),
        ("```python\n" + "x = 1\n" * 40_000 + "```", Status.WRONG, "too_long"),
        ("x" * 5_000_000, Status.WRONG, "too_long"),
    ],
)
def test_answers_that_are_not_run(text: str, status: Status, cause: str) -> None:
    gold = {"type": "stdio", "tests": SQUARES}
    verdict = verify_code(gold, text, sandbox=Broken())
    assert (verdict.status, verdict.cause) == (status, cause)


def test_bad_golds_are_not_run_either() -> None:
    verdict = verify_code({"type": "stdio", "tests": []}, "```python\nx\n```", sandbox=Broken())
    assert (verdict.status, verdict.cause) == (Status.BAD_GOLD, "bad_gold")
