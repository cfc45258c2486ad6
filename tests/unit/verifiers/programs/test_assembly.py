"""What goes into the sandbox, and what must not."""

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cogitate.sandbox import Limits, Program, RunResult, Sandbox
from cogitate.verdict import Status
from cogitate.verifiers.programs import verify_code
from cogitate.verifiers.programs.assembly import DRIVER, driver, python_program

NAMES = ("function", "program", "asserts", "checker")


@pytest.mark.parametrize("name", NAMES)
def test_drivers_stand_alone(name: str) -> None:
    tree = ast.parse(driver(name))
    imported = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert not any(module.startswith("cogitate") for module in imported)
    assert b'if __name__ == "__main__":\n    main()' in driver(name)


@pytest.mark.parametrize("name", ["function", "program"])
def test_what_runs_for_every_case_starts_fast(name: str) -> None:
    # These cost as much as starting Python; importing them inside functions is for rare needs.
    heavy = {"json", "re", "typing", "collections", "os", "importlib", "dataclasses", "enum"}
    tree = ast.parse(driver(name))
    at_once: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            at_once |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            at_once.add(node.module or "")
    assert not at_once & heavy


def test_programs_name_packages_only_where_there_are_any() -> None:
    plain = python_program("program", {"main.py": b""}, stdin=b"x", limits=Limits())
    assert plain.argv[-1] == DRIVER
    assert plain.files.keys() == {DRIVER, "main.py"}
    assert plain.environment == {}
    more = python_program("program", {"packages/a/__init__.py": b""}, stdin=b"", limits=Limits())
    assert more.argv[-2:] == (DRIVER, "packages")


@dataclass
class Spy:
    """A sandbox that notes what is put into it."""

    inner: Sandbox
    seen: list[Program] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    def run(self, program: Program) -> RunResult:
        self.seen.append(program)
        return self.inner.run(program)

    def spawn(self, program: Program, *, read_only: tuple[str, ...] = ()) -> Any:
        self.seen.append(program)
        return self.inner.spawn(program, read_only=read_only)

    def contents(self, file: str) -> list[bytes]:
        """All that the processes get that hold a certain file."""
        return [
            repr((program.argv, program.environment)).encode()
            + program.stdin
            + b"".join(program.files.values())
            for program in self.seen
            if file in program.files
        ]


SECRET = 748159263
GOLDS: tuple[tuple[Mapping[str, Any], str], ...] = (
    (
        {"type": "stdio", "tests": [{"input": "1\n", "output": f"{SECRET}\n"}]},
        f"print({SECRET - 1} + int(input()))",
    ),
    (
        {"type": "function", "entry_point": "f", "tests": [f"assert f(1) == {SECRET}"]},
        f"def f(x): return {SECRET - 1} + x",
    ),
    (
        {"type": "function", "entry_point": "f", "tests": [{"input": [1], "output": SECRET}]},
        f"def f(x): return {SECRET - 1} + x",
    ),
    (
        {"type": "function", "entry_point": "f", "tests": [f"n = 1\nassert f(n) == {SECRET}"]},
        f"def f(x): return {SECRET - 1} + x",
    ),
)


@pytest.mark.parametrize(("gold", "program"), GOLDS, ids=["stdio", "direct", "json", "tests"])
def test_what_is_expected_is_never_beside_the_submission(
    sandbox: Sandbox, gold: Mapping[str, Any], program: str
) -> None:
    spy = Spy(sandbox)
    verdict = verify_code(gold, f"```python\n{program}\n```", sandbox=spy)
    assert verdict.status is Status.CORRECT, verdict.reason
    beside = spy.contents("submission.py") + spy.contents("main.py")
    assert beside
    assert not any(str(SECRET).encode() in content for content in beside)
    assert not any(program.encode() in content for content in spy.contents("tests.py"))


def talk(folder: Path, submission: str, *requests: str, prelude: bool = False) -> list[Any]:
    """Run the driver of functions as a plain process, and parse what it answers."""
    (folder / DRIVER).write_bytes(driver("function"))
    (folder / "submission.py").write_text(submission)
    head = json.dumps({"nonce": "N ", "prelude": prelude})
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", DRIVER],
        input="\n".join([head, *requests]) + "\n",
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("N ") for line in lines)
    return [json.loads(line[2:]) for line in lines]


def call(name: str, *args: Any, **more: Any) -> str:
    return json.dumps({"call": name, "args": args, "named": {}, **more})


def test_the_conversation_with_a_function(tmp_path: Path) -> None:
    submission = "print('noise')\nn = 0\ndef f(x):\n    global n\n    n += 1\n    return [x, n]\n"
    answers = talk(tmp_path, submission, call("f", 5), call("f", {"t": [1]}), call("g", 1))
    assert answers[:3] == [{"ready": True}, {"value": [5, 1]}, {"value": [{"t": [1]}, 2]}]
    assert answers[3]["fault"] == "missing"
    assert answers[3]["kinds"][0] == "AttributeError"


@pytest.mark.parametrize(
    ("submission", "fault", "kind"),
    [
        ("def f(x) return", "compile", "SyntaxError"),
        ("import nothing_of_this_name", "load", "ModuleNotFoundError"),
        ("def f(x): return x / 0", "raised", "ZeroDivisionError"),
        ("def f(x): raise SystemExit", "raised", "SystemExit"),
        ("def f(x):\n    y = [x]\n    for _ in range(300): y = [y]\n    return y", "unplain", "Unplain"),
    ],
)  # fmt: skip
def test_faults_are_told_apart(tmp_path: Path, submission: str, fault: str, kind: str) -> None:
    (_, said) = talk(tmp_path, submission, call("f", 1))
    assert (said["fault"], said["kinds"][0]) == (fault, kind)


def test_objects_are_kept_and_given_back(tmp_path: Path) -> None:
    submission = "class P:\n    def __init__(self, x): self.x = x\ndef f(p): return p.x\n"
    made = {"o": "P", "h": 0}
    answers = talk(tmp_path, submission, call("P", 7, opaque=True), call("f", made))
    assert answers[1:] == [{"value": made}, {"value": 7}]


def test_one_instance_serves_all_calls_of_a_method(tmp_path: Path) -> None:
    submission = (
        "class S:\n    n = 0\n    def f(self):\n        self.n += 1\n        return self.n\n"
    )
    answers = talk(tmp_path, submission, call("S().f"), call("S().f"))
    assert answers[1:] == [{"value": 1}, {"value": 2}]


def test_the_changed_argument_is_the_result(tmp_path: Path) -> None:
    submission = "def f(x, k=None):\n    x.sort()\n    if k is not None: k.add(1)\n"
    named = {"call": "f", "args": [[2, 1]], "named": {"k": {"s": []}}, "changed": "k"}
    answers = talk(tmp_path, submission, call("f", [2, 1], changed=0), json.dumps(named))
    assert answers[1:] == [{"value": [1, 2]}, {"value": {"s": [1]}}]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("def f(x: List[int]) -> Optional[int]: return gcd(4, 6)", 2),
        ("def f(x): return deque([1]).popleft() + heapq.nsmallest(1, [5])[0]", 6),
        ("def f(x): return copy.deepcopy([x]) == deepcopy([x])", True),
        ("def f(x): return [a + b for a, b in pairwise([1, 2, 3])]", [3, 5]),
        ("def f(x): return TreeNode(1, TreeNode(2))", {"e": [1, 2]}),
        ("def gcd(a, b): return 9\ndef f(x): return gcd(4, 6)", 9),
    ],
)
def test_the_prelude(tmp_path: Path, source: str, value: object) -> None:
    assert talk(tmp_path, source, call("f", 1), prelude=True)[1] == {"value": value}
