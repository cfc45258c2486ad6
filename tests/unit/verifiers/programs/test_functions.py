"""Functions, in the sandbox: right ones, wrong ones, and ones that attack the judge."""

from typing import Any

import pytest

from cogitate.sandbox import Limits, Sandbox
from cogitate.verdict import Status, Verdict
from cogitate.verifiers.programs import verify_code

QUICK = Limits(cpu_seconds=0.5, wall_seconds=20.0)
ADD = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"]


def judge(sandbox: Sandbox, program: str, *, score: Any = "all", **fields: Any) -> Verdict:
    gold = {"type": "function", "entry_point": "add", "tests": ADD, **fields}
    return verify_code(
        gold, f"```python\n{program}\n```", sandbox=sandbox, limits=QUICK, score=score
    )


def one(sandbox: Sandbox, program: str, test: str, **fields: Any) -> Verdict:
    return judge(sandbox, program, entry_point="f", tests=[test], **fields)


def test_right_functions(sandbox: Sandbox) -> None:
    verdict = judge(sandbox, "print('noise')\ndef add(a, b):\n    print(a, b)\n    return a + b")
    assert verdict.status is Status.CORRECT, verdict.reason
    assert [str(case.status) for case in verdict.cases] == ["passed", "passed"]


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def f(n): return n", "assert f(10**30) == 10**30"),
        ("def f(x): return (x, [x], {x}, {x: None})", "assert f(1) == (1, [1], {1}, {1: None})"),
        ("def f(s): return s[::-1]", "assert f('a\\ud800é\\x00') == '\\x00é\\ud800a'"),
        ("from collections import Counter\nf = Counter", "assert f('aab') == {'a': 2, 'b': 1}"),
        ("class f(str): pass", "assert f('x') == 'x'"),
        ("f = lambda *a, **k: (a, k)", "assert f(1, b=2) == ((1,), {'b': 2})"),
        ("def f(x): x.append(1); return x", "assert f([2]) == [2, 1]"),
        ("import functools\n@functools.cache\ndef f(n): return n + 1", "assert f(1) == 2"),
        ("def f(x):\n    return None", "assert f(1) is None"),
        ("def f(x):\n    return x > 0", "assert not f(-1)"),
        ("import sys\nsys.setrecursionlimit(9000)\ndef f(n): return n and 1 + f(n - 1)", "assert f(5000) == 5000"),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x", "assert f(3) == 3"),
        ("def f(x): return float('inf')", "assert f(1) > 10**9"),
        ("if __name__ == '__main__':\n    raise SystemExit(1)\ndef f(x): return x", "assert f(1) == 1"),
        ("import sys\nsys.stdin.read()\ndef f(x): return x", "assert f(1) == 1"),
    ],
)  # fmt: skip
def test_values_that_come_back(sandbox: Sandbox, program: str, test: str) -> None:
    verdict = one(sandbox, program, test)
    assert verdict.status is Status.CORRECT, verdict.reason


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def f(x): return (1, 2)", "assert f(1) == [1, 2]"),
        ("def f(x): return iter([1, 2])", "assert f(1) == [1, 2]"),
        ("def f(x): return '3'", "assert f(1) == 3"),
        ("def f(x): return 1", "assert f(1) is True"),
        ("def f(x): print(3)", "assert f(1) == 3"),
        ("def f(x): return print", "assert f(1)"),
        ("def f(x): return object()", "assert not f(1)"),
        ("def f(x):\n    y = []\n    y.append(y)\n    return y", "assert f(1) == []"),
        ("def f(x): return [0] * 10**6", "assert f(1) == [0]"),
    ],
)
def test_values_that_are_not_the_expected_ones(sandbox: Sandbox, program: str, test: str) -> None:
    verdict = one(sandbox, program, test)
    assert (verdict.status, verdict.score) == (Status.WRONG, 0.0), verdict.reason


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("def add(a, b) return", "compile_error"),
        ("def sub(a, b): return a - b", "runtime_error"),
        ("def add(a): return a", "runtime_error"),
        ("1 / 0\ndef add(a, b): return a + b", "runtime_error"),
        ("def add(a, b): raise ValueError('x' * 10000)", "runtime_error"),
        ("def add(a, b):\n    while True: pass", "timeout"),
        ("def add(a, b): return bytearray(10**10)", "resource_limit"),
        ("def add(a, b): return add(a, b)", "runtime_error"),
        ("def add(a, b): return 'x' * 10**7", "output_limit"),
        ("class E(Exception):\n    def __str__(self): raise self\ndef add(a, b): raise E", "runtime_error"),
    ],
)  # fmt: skip
def test_how_wrong_functions_end(sandbox: Sandbox, program: str, cause: str) -> None:
    verdict = judge(sandbox, program)
    assert (verdict.status, verdict.cause) == (Status.WRONG, cause), verdict.reason


# Each tries to pass without adding. None of them may.
ATTACKS = {
    "equal to everything": "class A:\n    __eq__ = lambda s, o: True\n    __hash__ = None\ndef add(a, b): return A()",
    "equal integer": "class A(int):\n    __eq__ = lambda s, o: True\ndef add(a, b): return A(7)",
    "equal list": "class A(list):\n    __eq__ = lambda s, o: True\ndef add(a, b): return A()",
    "mock": "from unittest import mock\ndef add(a, b): return mock.ANY",
    "not a number": "def add(a, b): return float('nan')",
    "exits": "import sys\ndef add(a, b): sys.exit(0)",
    "exits hard": "import os\ndef add(a, b): os._exit(0)",
    "exits while loading": "raise SystemExit(0)",
    "exits later": "import atexit, os\natexit.register(os._exit, 0)\ndef add(a, b): return 0",
    "thread exits": "import threading, os\nthreading.Thread(target=lambda: os._exit(0)).start()\ndef add(a, b):\n    import time; time.sleep(1)",
    "patched types": "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.type = lambda *a: int\ndef add(a, b): return object()",
    "patched assertion": "import builtins\nbuiltins.AssertionError = type('E', (BaseException,), {})\nbuiltins.__debug__ = 0\ndef add(a, b): return 0",
    "patched excepthook": "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\ndef add(a, b): raise ValueError",
    "conftest": "open('conftest.py', 'w').write('collect_ignore_glob = [\"*\"]')\ndef add(a, b): return 0",
    "own check": "def check(candidate): pass\ncandidate = lambda *a: 3\ndef add(a, b): return 0",
    "own test module": "import sys, types\nfor n in ('tests', 'driver', 'submission'): sys.modules[n] = types.ModuleType(n)\ndef add(a, b): return 0",
    "prints the result": "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'{\"value\":3}\\n')\n    except OSError: pass\nos._exit(0)",
    "prints a nonce line": "import os, gc\ndef add(a, b):\n    for fd in range(1, 20):\n        try: os.write(fd, b'0123456789abcdef {\"value\":3}\\n')\n        except OSError: pass\n    os._exit(0)",
    "looks for the expected value": "import gc\ndef add(a, b):\n    for o in gc.get_objects():\n        if isinstance(o, dict):\n            for k in ('expected', 'output', 'gold', 'tests'):\n                if k in o: return o[k]\n    return 0",
    "walks the stack": "import sys\ndef add(a, b):\n    f = sys._getframe()\n    while f:\n        for v in f.f_locals.values():\n            if type(v) is int and v == 3: return v\n        f = f.f_back\n    return 0",
    "reads the source line": "import inspect, re\ndef add(a, b):\n    for f in inspect.stack():\n        for line in f.code_context or []:\n            if m := re.search(r'== *(-?[0-9]+)', line): return int(m[1])\n    return 0",
    "reads files": "import os\ndef add(a, b):\n    text = ''.join(open(p).read() for p in os.listdir('.') if p != 'submission.py')\n    return 3 if '== 3' in text or '\"expected\": 3' in text else 0",
    "reads memory": "def add(a, b):\n    text = open('/proc/self/cmdline').read() + open('/proc/self/environ').read()\n    return 3 if 'assert' in text else 0",
    "patched encoder": "import _json, json\n_json.encode_basestring_ascii = json.dumps = lambda *a: '3'\ndef add(a, b): return 'x'",
    "replaces the driver": "import __main__\n__main__.encode = lambda *a: '3'\n__main__.matches = lambda *a: True\ndef add(a, b): return 0 if a == 1 else 1",
    "generator": "def add(a, b): yield a + b",
    "coroutine": "async def add(a, b): return a + b",
    "clock": "import time\ntime.time = time.monotonic = lambda: 0.0\ndef add(a, b): return 0",
    "signal": "import os, signal\ndef add(a, b): os.kill(os.getppid(), signal.SIGKILL); return 0",
    "replaces itself": "import os\ndef add(a, b): os.execv('/bin/true', ['true'])",
    "forks": "import os\ndef add(a, b):\n    if os.fork(): os._exit(0)\n    return 0",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_on_direct_cases(sandbox: Sandbox, name: str) -> None:
    tests = ["assert add(1, 2) == 3", "assert add(5, 6) == 11"]
    verdict = judge(sandbox, ATTACKS[name], tests=tests)
    assert (verdict.status, verdict.score) == (Status.WRONG, 0.0), verdict.reason


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_on_test_programs(sandbox: Sandbox, name: str) -> None:
    tests = "def check(candidate):\n    for i in range(2):\n        x = 4 * i\n        assert candidate(1 + x, 2 + x) == 3 + 2 * x"
    verdict = judge(sandbox, ATTACKS[name], tests=tests)
    assert (verdict.status, verdict.score) == (Status.WRONG, 0.0), verdict.reason


# Finds the nonce in the frames of the driver and writes the answer itself.
FORGERY = """
import os, sys
def add(a, b):
    frame = sys._getframe()
    while 'nonce' not in frame.f_locals: frame = frame.f_back
    os.write(frame.f_locals['out'], (frame.f_locals['nonce'] + {answer} + chr(10)).encode())
    os._exit(0)
"""


@pytest.mark.parametrize(
    "answer",
    [
        "'{}'", "'5'", "'x'", "'null'", "'{\"fault\": 5}'", "'{\"fault\": [], \"kinds\": 7, \"reason\": {}}'",
        "'{\"fault\": \"raised\", \"kinds\": [3], \"reason\": \"\"}'", "'{\"value\": ' + '[' * 900 + ']' * 900 + '}'",
        "'{\"value\": ' + '[' * 90000 + ']' * 90000 + '}'", "'{\"value\": {\"i\": ' + '[' * 900 + ']' * 900 + '}}'",
        "'{\"value\": ' + '9' * 5000 + '}'", "'{\"value\": {\"zz\": 1}}'", "'{\"value\": {\"h\": \"x\", \"o\": 3}}'",
        "'{\"fault\": \"raised\", \"kinds\": [], \"reason\": \"\"}'", "'{\"value\": NaN}'", "'{\"value\": {\"d\": 3}}'",
        "'{\"ready\": true}'", "'{\"value\": 0}' + chr(10) + frame.f_locals['nonce'] + '{\"value\": 3}'",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "tests", [["assert add(1, 2) == 3"], ["n = 2\nassert add(1, n) == 3"], ["assert not add(1, 2)"]]
)
def test_forged_answers(sandbox: Sandbox, answer: str, tests: list[str]) -> None:
    verdict = judge(sandbox, FORGERY.replace("{answer}", answer), tests=tests)
    honest = "'{\"value\": 0}'" in answer  # says twice what it returned: 0 first, then 3
    assert verdict.status is Status.WRONG or (honest and "not" in tests[0]), verdict.reason


def test_clearing_the_argument_does_not_change_what_is_expected(sandbox: Sandbox) -> None:
    tests = ["x = [3, 1, 2]\nassert f(x) == sorted(x)"]
    hack = "def f(x):\n    x.clear()\n    return x"
    assert one(sandbox, hack, tests[0]).status is Status.WRONG
    assert one(sandbox, "f = sorted", tests[0]).status is Status.CORRECT


def test_the_prelude_is_for_methods_or_where_declared(sandbox: Sandbox) -> None:
    program = (
        "class Solution:\n    def f(self, n: List[int], r: Optional[TreeNode] = None) -> int:\n"
        "        return gcd(*n) + heapq.nsmallest(1, n)[0] + len(Counter(n)) + bisect.bisect(n, inf)"
    )
    tests = "def check(c):\n    assert c([4, 6]) == 10\n\ncheck(Solution().f)"
    assert judge(sandbox, program, tests=tests, entry_point="Solution().f").score == 1.0
    refused = judge(sandbox, program, tests=tests, entry_point="Solution().f", prelude=False)
    assert "NameError" in refused.reason
    plain = "def f(n: List[int]) -> int: return gcd(*n)"
    assert one(sandbox, plain, "assert f([4, 6]) == 2").status is Status.WRONG
    assert one(sandbox, plain, "assert f([4, 6]) == 2", prelude=True).status is Status.CORRECT


def test_calls_in_json(sandbox: Sandbox) -> None:
    tests = [
        {"input": {"xs": [1, 2], "k": 0.5}, "output": [0.5, 1.0]},
        {"input": [[3], 0.1], "output": [0.3]},
    ]
    program = "def scale(xs, k): return tuple(x * k for x in xs)"
    verdict = judge(sandbox, program, entry_point="scale", tests=tests)
    assert verdict.status is Status.CORRECT, verdict.reason
    wrong = judge(sandbox, program.replace("x * k", "x + k"), entry_point="scale", tests=tests)
    assert wrong.cause == "failed"


def test_nodes(sandbox: Sandbox) -> None:
    starter = "class Solution:\n    def rest(self, head: Optional[ListNode]) -> Optional[ListNode]:"
    program = starter + "\n        return head.next"
    fields = {"entry_point": "Solution().rest", "starter_code": starter}
    tests = [{"input": [[1, 2, 3]], "output": [2, 3]}, {"input": [[1]], "output": []}]
    verdict = judge(sandbox, program, tests=tests, **fields)
    assert verdict.status is Status.CORRECT, verdict.reason
    written = "def check(c):\n    assert is_same_list(c(list_node([1, 2])), list_node([2]))"
    assert judge(sandbox, program, tests=written, **fields).status is Status.CORRECT
    assert judge(sandbox, program + ".next", tests=written, **fields).status is Status.WRONG


def test_functions_that_change_their_argument(sandbox: Sandbox) -> None:
    tests = [{"input": {"xs": [3, 1, 2]}, "output": [1, 2, 3]}]
    for changed in (0, "xs"):
        given = tests if changed == "xs" else [{"input": [[3, 1, 2]], "output": [1, 2, 3]}]
        verdict = judge(
            sandbox,
            "def order(xs): xs.sort()",
            entry_point="order",
            tests=given,
            changed=changed,
        )
        assert verdict.status is Status.CORRECT, verdict.reason
    test = "x = [2, 1]\norder(x)\nassert x == [1, 2]"
    fields = {"entry_point": "order", "tests": [test], "changed": 0}
    assert judge(sandbox, "def order(xs): xs.sort()", **fields).status is Status.CORRECT
    assert judge(sandbox, "def order(xs): sorted(xs)", **fields).status is Status.WRONG


COMPLETION = {
    "entry_point": "twice",
    "style": "completion",
    "prompt": "import math\n\ndef half(x):\n    return x / 2\n\ndef twice(x):\n    '''2x'''\n",
    "tests": "def check(candidate):\n    assert half(candidate(3)) == 3\n    assert candidate(2) == 4",
}


@pytest.mark.parametrize(
    "program", ["    return 2 * x\n", "def twice(x):\n    return math.floor(2 * x)\n"]
)
def test_programs_that_a_prompt_begins(sandbox: Sandbox, program: str) -> None:
    verdict = judge(sandbox, program, **COMPLETION)
    assert verdict.status is Status.CORRECT, verdict.reason
    bare = verify_code({"type": "function", **COMPLETION}, program, sandbox=sandbox, limits=QUICK)
    assert bare.status is Status.CORRECT, bare.reason


def test_helpers_of_the_prompt_are_the_tests_own(sandbox: Sandbox) -> None:
    hack = "    return 4\n\ndef half(x):\n    return 3\n"
    verdict = judge(sandbox, hack, **COMPLETION)
    assert verdict.status is Status.WRONG, verdict.reason


def test_objects_of_the_submissions_classes_are_handed_through(sandbox: Sandbox) -> None:
    program = (
        "class P:\n    def __init__(self, x): self.x = x\ndef f(ps): return sum(p.x for p in ps)"
    )
    assert one(sandbox, program, "assert f([P(1), P(2)]) == 3").status is Status.CORRECT
    assert one(sandbox, program, "assert f([P(1), P(2)]) == 4").status is Status.WRONG
    # What such an object is, only the submission knows: no test can be decided by comparing it.
    hack = "class P:\n    def __init__(self, x): pass\n    __eq__ = lambda s, o: True\ndef f(x): return P(x)"
    assert one(sandbox, hack, "assert f(1) == P(1)").status is Status.BAD_GOLD
