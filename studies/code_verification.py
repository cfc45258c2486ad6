"""How well the verifier of programs tells right from wrong, on data sets with reference solutions.

    python studies/code_verification.py --data DIR [--limit 50] [--out FILE]

DIR holds humaneval.jsonl, mbpp.jsonl and leetcode.jsonl (prompt, answer, extra.tests), and may
hold codeforces.jsonl, code_contests.jsonl and livecodebench_v5.jsonl, which are only read.

Every reference solution has to pass its tests. Then small faults are put into it (mutants.py), and
what passes all the same is examined: reference and mutant run on inputs made from those of the
tests. If all values agree, the mutant is counted as equivalent; if some differ, the tests of the
data set do not reach the fault (or the input is none that the problem allows); else it is unknown.

Every program is also run the way the data sets' own scripts do it, together with its tests in one
process: no program is hostile here, so both ways have to agree. Where they do not is printed.
"""

import argparse
import json
import os
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cogitate.sandbox import Limits, Program, Sandbox, get_sandbox, python_argv
from cogitate.sandbox import Outcome as Ending
from cogitate.verdict import Status, Verdict
from cogitate.verifiers.programs import check_code_gold, verify_code
from cogitate.verifiers.programs.gold import FunctionTask, read_gold
from cogitate.verifiers.programs.inside.values import decode, encode
from cogitate.verifiers.programs.packages import LEETCODE, installed, wanted_files
from mutants import Mutant, mutants

WITH_REFERENCE = ("humaneval", "mbpp", "leetcode")
WITHOUT = ("codeforces", "code_contests", "livecodebench_v5")
MUTANT_LIMITS = Limits(cpu_seconds=2.0, wall_seconds=12.0)
THREADS = 4
NUM_INPUTS = 200

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A row with its gold answer and the whole reference program."""

    name: str
    source: str
    gold: Row
    reference: str
    completion: str

    @property
    def function(self) -> str:
        return str(self.gold["entry_point"]).partition(".")[0].removesuffix("()")


@dataclass(slots=True)
class Outcome:
    """What the study found in one data set."""

    name: str
    references: int = 0
    passed: int = 0
    refused: list[str] = field(default_factory=list[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    fates: Counter[str] = field(default_factory=Counter[str])
    survivors: Counter[str] = field(default_factory=Counter[str])
    kinds_per_problem: list[int] = field(default_factory=list[int])
    compared: int = 0
    disagreements: list[str] = field(default_factory=list[str])


class Progress:
    """One line every few seconds, with the time left from the mean so far."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.began = self.said = time.monotonic()

    def step(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.said > 10 or self.done == self.total:
            pace = self.done / (now - self.began)
            left = (self.total - self.done) / pace
            print(
                f"{self.what}: {self.done}/{self.total}, {pace:.1f} a second, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
            self.said = now


def load(data: Path, name: str, limit: int | None) -> list[Row]:
    lines = (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:limit]]


def gold_of(row: Row) -> Row:
    """The gold answer of a row: its ``extra``, and the prompt where that begins the program."""
    extra = row["extra"]
    more = {"prompt": row["prompt"]} if extra.get("style") == "completion" else {}
    return {**extra, **more}


def problem_of(row: Row) -> Problem:
    gold = gold_of(row)
    begins = row["prompt"] if "prompt" in gold else ""
    return Problem(
        name=row["id"],
        source=row["source"],
        gold=gold,
        reference=begins + row["answer"],
        completion=fenced(row["answer"]),
    )


def fenced(source: str) -> str:
    return f"```python\n{source}\n```\n"


def in_threads(work: Sequence[Any], act: Callable[[Any], Any], what: str) -> Iterable[Any]:
    progress = Progress(what, len(work))
    with ThreadPoolExecutor(THREADS) as pool:
        for future in as_completed([pool.submit(act, one) for one in work]):
            yield future.result()
            progress.step()


_PRELUDE = """
sys.path.append("packages")
PRELUDE = "\\n".join(
    ["from %s import *" % name for name in
     "typing collections math itertools functools heapq bisect string builtins".split()]
    + ["import collections, math, re, heapq, bisect, itertools, functools, random, string, sys"]
)
"""

_ONE_PROCESS = """
import sys
{prelude}
names = {{"__name__": "module"}}
exec(PRELUDE, names) if {supplied} else None
exec(open("program.py").read(), names)
for piece in eval(open("tests.txt").read()):
    exec(piece, names)
"""


def passes_in_one_process(problem: Problem, source: str, sandbox: Sandbox) -> bool:
    """Whether a program passes when it runs together with its tests, as their authors run them."""
    tests = problem.gold["tests"]
    pieces = [tests] if isinstance(tests, str) else list(tests)
    method = "." in problem.gold["entry_point"]
    if isinstance(tests, str) and not method:
        pieces.append(f"check({problem.gold['entry_point']})")
    program = Program(
        argv=(*python_argv(), "run.py"),
        files={
            "run.py": _ONE_PROCESS.format(prelude=_PRELUDE, supplied=method).encode(),
            "program.py": source.encode(),
            "tests.txt": repr(pieces).encode(),
            **(wanted_files(installed(LEETCODE), source) if method else {}),
        },
        limits=MUTANT_LIMITS,
    )
    result = sandbox.run(program)
    return result.outcome is Ending.EXITED and result.exit_code == 0


def check_references(problems: Sequence[Problem], sandbox: Sandbox, outcome: Outcome) -> None:
    """Judge every reference solution."""

    def judge(problem: Problem) -> tuple[Problem, Verdict, bool]:
        verdict = verify_code(problem.gold, problem.completion, sandbox=sandbox)
        return problem, verdict, passes_in_one_process(problem, problem.reference, sandbox)

    for problem, verdict, alone in in_threads(problems, judge, f"{outcome.name} references"):
        outcome.references += 1
        outcome.passed += verdict.status is Status.CORRECT
        if verdict.status is not Status.CORRECT:
            outcome.refused.append(f"{problem.name}: {verdict.status}: {verdict.reason}")
        note(outcome, f"{problem.name}, reference", verdict, alone)


def note(outcome: Outcome, what: str, verdict: Verdict, alone: bool) -> None:
    """Compare a verdict with what running program and tests in one process showed."""
    outcome.compared += 1
    if verdict.status.trains and verdict.correct is not alone:
        words = f"{what}: {verdict.status}, but {'passes' if alone else 'fails'} in one process"
        outcome.disagreements.append(words)
        print(f"  disagreement: {words} ({verdict.reason})")


def check_mutants(problems: Sequence[Problem], sandbox: Sandbox, outcome: Outcome) -> None:
    """Judge mutants of every reference solution, and examine those that pass."""
    work: list[tuple[Problem, Mutant]] = []
    for problem in problems:
        made = mutants(problem.reference, problem.function, random.Random(problem.name))
        outcome.kinds_per_problem.append(len({mutant.kind for mutant in made}))
        work += [(problem, mutant) for mutant in made]

    def judge(pair: tuple[Problem, Mutant]) -> tuple[Problem, Mutant, Verdict, str, bool]:
        problem, mutant = pair
        verdict = verify_code(
            problem.gold, fenced(mutant.source), sandbox=sandbox, limits=MUTANT_LIMITS
        )
        found = "" if verdict.status is not Status.CORRECT else compare(problem, mutant, sandbox)
        alone = passes_in_one_process(problem, mutant.source, sandbox)
        return problem, mutant, verdict, found, alone

    for problem, mutant, verdict, found, alone in in_threads(
        work, judge, f"{outcome.name} mutants"
    ):
        note(outcome, f"{problem.name}, {mutant.kind}, line {mutant.line}", verdict, alone)
        outcome.kinds[mutant.kind] += 1
        if verdict.status is Status.CORRECT:
            outcome.fates[found] += 1
            outcome.survivors[mutant.kind] += 1
            print(f"  survived, {found}: {problem.name}, {mutant.kind}, line {mutant.line}")
        elif verdict.status.trains:
            outcome.fates[f"failed: {verdict.cause}"] += 1
        else:
            outcome.fates[f"masked: {verdict.cause}"] += 1
            print(f"  masked: {problem.name}, {mutant.kind}: {verdict.reason}")


# Runs both programs on the same inputs; they are not hostile, only possibly endless.
_COMPARE = """
import copy, json, sys, types
sys.setrecursionlimit(3000)
{prelude}
def load(path, entry):
    names = {"__name__": "module"}
    exec(PRELUDE, names)
    exec(open(path).read(), names)
    return eval(entry, names)

def value(function, args, named):
    try:
        result = function(*copy.deepcopy(args), **copy.deepcopy(named))
        if hasattr(result, "__next__"):
            result = list(result)
        return repr(result), True
    except Exception as error:
        return type(error).__name__, False

entry = json.load(open("entry.json"))
same = 0
for args, named in eval(open("inputs.txt").read()):
    expected, fine = value(load("reference.py", entry), args, named)
    if not fine:
        continue
    print("at", args, named, file=sys.stderr)
    found, _ = value(load("mutant.py", entry), args, named)
    if found != expected:
        print("differs")
        break
    same += 1
else:
    print("same", same)
"""


def compare(problem: Problem, mutant: Mutant, sandbox: Sandbox) -> str:
    """Whether a surviving mutant behaves like its reference, on inputs made from the tests'."""
    task = read_gold(problem.gold)
    assert isinstance(task, FunctionTask)
    inputs = generated(task, random.Random(problem.name))
    if not inputs:
        return "unknown"
    program = Program(
        argv=(*python_argv(), "compare.py"),
        files={
            "compare.py": _COMPARE.replace("{prelude}", _PRELUDE).encode(),
            "reference.py": problem.reference.encode(),
            "mutant.py": mutant.source.encode(),
            "inputs.txt": repr(inputs).encode(),
            "entry.json": json.dumps(task.entry).encode(),
            **wanted_files(task.packages, problem.reference),
        },
        limits=Limits(cpu_seconds=20.0, wall_seconds=60.0),
    )
    result = sandbox.run(program)
    words = result.stdout.split()
    if words[:1] == [b"differs"]:
        return "not reached by the tests"
    if words[:1] == [b"same"] and int(words[1]) >= 20:
        return "equivalent"
    return "unknown"


def generated(task: FunctionTask, rng: random.Random) -> list[tuple[list[Any], dict[str, Any]]]:
    """Arguments like those of the tests: each a test's, with one to three small changes."""
    seeds: list[tuple[list[Any], dict[str, Any]]] = []
    for case in task.direct:
        call = json.loads(case.call)
        named = {name: decode(value) for name, value in call["named"].items()}
        seeds.append(([decode(value) for value in call["args"]], named))
    if not seeds:
        return []
    made = list(seeds)
    for _ in range(NUM_INPUTS):
        args, named = rng.choice(seeds)
        args, named = list(args), dict(named)
        for _ in range(rng.randint(1, 3)):
            where: Any = rng.choice([*range(len(args)), *named]) if args or named else None
            if isinstance(where, str):
                named[where] = changed(named[where], rng)
            elif where is not None:
                args[where] = changed(args[where], rng)
        made.append((args, named))
    return [one for one in made if len(encode(one)) < 5000]


def changed(value: Any, rng: random.Random) -> Any:
    """A value of the same type that differs a little."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice([value + 1, value - 1, value // 2, value * 2, 0, 1, rng.randint(0, 20)])
    if isinstance(value, float):
        return rng.choice([value + 0.5, value / 2, -value, 0.0, float(round(value))])
    if isinstance(value, str):
        return "".join(changed_items(list(value), rng, lambda c: rng.choice(value or "a")))
    if isinstance(value, list | tuple):
        return type(value)(changed_items(list(value), rng, lambda item: changed(item, rng)))
    if isinstance(value, dict):
        keys = changed_items(list(value), rng, lambda key: key)
        return {key: changed(value[key], rng) if rng.random() < 0.3 else value[key] for key in keys}
    if isinstance(value, set):
        return set(changed_items(sorted(value, key=repr), rng, lambda item: changed(item, rng)))
    return value


def changed_items(items: list[Any], rng: random.Random, change: Callable[[Any], Any]) -> list[Any]:
    if not items:
        return items
    at = rng.randrange(len(items))
    match rng.randrange(5):
        case 0:
            return items[:at] + items[at + 1 :]
        case 1:
            return [*items[:at], items[at], *items[at:]]
        case 2:
            rng.shuffle(items)
            return items
        case 3:
            return items[::-1]
        case _:
            return [*items[:at], change(items[at]), *items[at + 1 :]]


def measure_speed(sandbox: Sandbox, seconds: float = 20.0) -> float:
    """Sandboxed Python cases a second, judged beside each other, for trivial programs."""
    tests = [{"input": f"{n}\n", "output": f"{n * n}\n"} for n in range(20)]
    gold = {"type": "stdio", "tests": tests}
    program = fenced("n = int(input())\nprint(n * n)")

    def judge(_: int) -> int:
        verdict = verify_code(gold, program, sandbox=sandbox)
        assert verdict.status is Status.CORRECT, verdict
        return len(verdict.cases)

    judge(0)
    began, num_cases = time.monotonic(), 0
    with ThreadPoolExecutor(THREADS) as pool:
        while time.monotonic() - began < seconds:
            num_cases += sum(pool.map(judge, range(8)))
    return num_cases / (time.monotonic() - began)


def page(outcomes: Sequence[Outcome], read: dict[str, str], speed: float, machine: str) -> str:
    """The results as Markdown, numbers only."""
    lines = [
        "# The verifier of programs on reference solutions and on mutants",
        "",
        f"{machine} Figures by `studies/code_verification.py`; what the columns mean stands there.",
        "",
        "| data set | references passed | mutants | kinds per solution, least and median "
        "| failed | equivalent | not reached by the tests | unknown | masked "
        "| otherwise in one process |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        failed = sum(count for fate, count in one.fates.items() if fate.startswith("failed"))
        hidden = sum(count for fate, count in one.fates.items() if fate.startswith("masked"))
        kinds = sorted(one.kinds_per_problem) or [0]
        rest = [one.fates[k] for k in ("equivalent", "not reached by the tests", "unknown")]
        cells = [
            one.name,
            f"{one.passed} of {one.references}",
            sum(one.fates.values()),
            f"{kinds[0]}, {kinds[len(kinds) // 2]}",
            failed,
            *rest,
            hidden,
            f"{len(one.disagreements)} of {one.compared}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "How the mutants failed, and which kinds survived:", ""]
    lines += ["| kind | mutants | survived |", "|---|---|---|"]
    kinds = sum((one.kinds for one in outcomes), Counter[str]())
    survivors = sum((one.survivors for one in outcomes), Counter[str]())
    lines += [f"| {kind} | {count} | {survivors[kind]} |" for kind, count in kinds.most_common()]
    fates = sum((one.fates for one in outcomes), Counter[str]())
    lines += ["", "| what happened | mutants |", "|---|---|"]
    lines += [f"| {fate} | {count} |" for fate, count in fates.most_common()]
    lines += ["", "| data set without reference solutions | read |", "|---|---|"]
    lines += [f"| {name} | {words} |" for name, words in read.items()]
    lines += ["", f"Speed: {speed:.0f} sandboxed Python cases a second, {THREADS} threads.", ""]
    return "\n".join(lines)


def machine_line(sandbox: Sandbox) -> str:
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} CPU cores ({platform.machine()}), load {load:.0f} from other work, "
        f"sandbox {sandbox.name}, Python {platform.python_version()}, {date.today()}."
    )


def kept(page: Path, renewed: Sequence[str]) -> list[Outcome]:
    """Results of an earlier run for the data sets that this one leaves out."""
    path = page.with_suffix(".json")
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    counters = ("kinds", "fates", "survivors")
    found: list[Outcome] = []
    for row in rows:
        fields: Row = {k: Counter(v) if k in counters else v for k, v in row.items()}
        if row["name"] not in renewed:
            found.append(Outcome(**fields))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="directory of the data sets")
    parser.add_argument("--limit", type=int, help="problems per data set")
    parser.add_argument("--sets", nargs="+", choices=WITH_REFERENCE, default=WITH_REFERENCE)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--out", type=Path, help="where to write the page; else only printed")
    # Figures of data sets that are not in --sets are kept from the page that is there.
    args = parser.parse_args()
    sandbox = get_sandbox(args.sandbox)
    machine = machine_line(sandbox)
    outcomes = kept(args.out, args.sets) if args.out else []
    for name in args.sets:
        problems = [problem_of(row) for row in load(args.data, name, args.limit)]
        outcome = Outcome(name)
        check_references(problems, sandbox, outcome)
        for line in outcome.refused:
            print("  reference refused:", line)
        check_mutants(problems, sandbox, outcome)
        outcomes.append(outcome)
    read: dict[str, str] = {}
    for name in WITHOUT:
        if (args.data / f"{name}.jsonl").is_file():
            rows = load(args.data, name, args.limit)
            faults = [why for row in rows if (why := check_code_gold(gold_of(row)))]
            read[name] = f"{len(rows) - len(faults)} of {len(rows)}"
            print(*faults[:5], sep="\n")
    outcomes.sort(key=lambda outcome: WITH_REFERENCE.index(outcome.name))
    text = page(outcomes, read, measure_speed(sandbox), machine)
    print(text)
    if args.out is not None:
        args.out.write_text(text, encoding="utf-8")
        data = [{**vars_of(one)} for one in outcomes]
        args.out.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")


def vars_of(one: Outcome) -> Row:
    names = ("name", "references", "passed", "kinds", "fates", "survivors", "kinds_per_problem")
    names += ("compared", "disagreements")
    return {name: getattr(one, name) for name in names}


if __name__ == "__main__":
    main()
