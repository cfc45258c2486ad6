r"""Random mutations of attack rows: no verifier may crash, hang, or be talked round by dressing.

Takes a JSONL file of rows with ``task_kind, ground_truth, completion, should_be_correct`` (and
``policy, template, prefilled_think, gold_arity`` where needed) and grades mutated copies. Three
things count as failures: an exception or a masked verdict that the untouched row does not get; a
row that takes longer than its limit; a wrong row that becomes correct by whitespace, casing or
wrapping alone.
The other mutations (cutting, repeating, splicing, odd characters) may change a verdict, since they
may change the answer; of them only the first two are asked.

    python studies/verifier_fuzz.py rows.jsonl --count 10000
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

from cogitate.text.think import boxed_contents
from cogitate.verdict import Verdict

Row = dict[str, Any]
Mutation = Callable[[str, random.Random, list[Row]], str]

SECONDS = 5.0
"""Seconds that a row may take, unless it says so itself; programs in a sandbox get more."""
CODE_SECONDS = 60.0
GIVE_UP = 120.0
"""Seconds after which a row counts as hanging for good and the run ends."""

_TAG = re.compile(r"</?[A-Za-z]+>")
_WORD = re.compile(r"(?<![\\A-Za-z<{/])[A-Za-z]{2,}(?![A-Za-z>}])")
_DECLARED = re.compile(
    r"(####[ ]*|[Aa]nswer: *|<answer>\s*)([^\n<*]{1,200}?)(\s*(?:\n|</answer>|$))"
)
_BOX = re.compile(r"\\boxed\{([^{}]*)\}")


# --- dressing: a wrong row stays wrong ----------------------------------------------------------


def widen_blanks(text: str, rng: random.Random, _: list[Row]) -> str:
    """Longer runs where blanks are."""
    return re.sub(r"\s+", lambda m: m.group() * rng.randint(1, 3), text)


def change_blanks(text: str, rng: random.Random, _: list[Row]) -> str:
    """Line breaks by carriage returns and line feeds, or blanks by tabs."""
    return text.replace("\n", "\r\n") if rng.random() < 0.5 else text.replace(" ", "\t")


def pad(text: str, rng: random.Random, _: list[Row]) -> str:
    """Blanks before and behind."""
    blanks = " \n\t"
    before = "".join(rng.choices(blanks, k=rng.randint(0, 5)))
    return before + text + "".join(rng.choices(blanks, k=rng.randint(0, 50)))


def pad_boxes(text: str, rng: random.Random, _: list[Row]) -> str:
    """Blanks inside the boxes, and around what stands in them."""
    blank = rng.choice((" ", "\n", r"\ ", r"\,", r"\quad ", "~", "\u00a0", "\u2009"))
    return _BOX.sub(lambda m: rf"\boxed{{{blank}{m[1]}{blank}}}", text)


def change_case(text: str, rng: random.Random, _: list[Row]) -> str:
    """Words in another case; commands and tags as they are."""
    change = rng.choice((str.upper, str.lower, str.swapcase, str.title))
    return _WORD.sub(lambda m: change(m.group()) if rng.random() < 0.7 else m.group(), text)


def wrap_boxes(text: str, rng: random.Random, _: list[Row]) -> str:
    """Mathematics, emphasis, quotes or a fence around the boxes."""
    before, after = rng.choice((
        ("$", "$"), ("$$", "$$"), (r"\(", r"\)"), ("\\[\n", "\n\\]"), ("**", "**"), ("*", "*"),
        ("`", "`"), ("```\n", "\n```"), ('"', '"'), ("(", ")"), ("[", "]"), ("\u201c", "\u201d"),
        ("> ", ""), ("# ", ""), ("<b>", "</b>"), ("{", "}"), (r"\text{", "}"), (r"\mathbf{", "}"),
        (r"\underline{", "}"), (r"\begin{center}", r"\end{center}"), ("- ", ""), ("Answer: ", ""),
    ))  # fmt: skip
    return _BOX.sub(lambda m: before + m.group() + after, text)


def wrap_contents(text: str, rng: random.Random, _: list[Row]) -> str:
    """A LaTeX command or brackets around what the boxes hold."""
    before, after = rng.choice((
        (r"\text{", "}"), (r"\mathrm{", "}"), (r"\mathbf{", "}"), (r"\displaystyle ", ""),
        ("$", "$"), ("{", "}"), (r"\boxed{", "}"), ("", "."), (r"\left.", r"\right."),
        (r"\textbf{", "}"), (r"\mbox{", "}"), ("x = ", ""), (r"\{", r"\}"), ("(", ")"),
        (r"\left(", r"\right)"), ("[", "]"), (r"\boldsymbol{", "}"), (r"\fbox{", "}"),
        (r"\text{Answer: }", ""), (r"\hbox{", "}"), (r"\color{red}{", "}"), (r"\phantom{x}", ""),
        (r"\quad ", r"\quad"), ("", r"\\"),
    ))  # fmt: skip
    return _BOX.sub(lambda m: rf"\boxed{{{before}{m[1]}{after}}}", text)


def wrap_declared(text: str, rng: random.Random, _: list[Row]) -> str:
    """Emphasis, quotes or mathematics around what follows ``####`` or ``Answer:`` or is tagged."""
    before, after = rng.choice((
        ("**", "**"), ("$", "$"), ('"', '"'), (r"\text{", "}"), ("(", ")"), (" ", " "), ("`", "`"),
        ("", "."), ("_", "_"), (r"\(", r"\)"), ("\n", "\n"), (r"\boxed{", "}"),
    ))  # fmt: skip
    return _DECLARED.sub(lambda m: m[1] + before + m[2] + after + m[3], text)


def add_prose(text: str, rng: random.Random, _: list[Row]) -> str:
    """A harmless sentence before or behind."""
    prose = rng.choice(
        ("I hope this helps!", "Let me know if anything is unclear.", "Q.E.D.", "---")
    )
    return f"{prose}\n{text}" if rng.random() < 0.3 else f"{text}\n\n{prose}"


# --- the rest: no crash, no hang ----------------------------------------------------------------


def cut(text: str, rng: random.Random, _: list[Row]) -> str:
    """The beginning, up to anywhere."""
    return text[: rng.randint(0, len(text))]


def cut_head(text: str, rng: random.Random, _: list[Row]) -> str:
    """The end, from anywhere."""
    return text[rng.randint(0, len(text)) :]


def delete(text: str, rng: random.Random, _: list[Row]) -> str:
    """A few characters gone."""
    kept = [c for c in text if rng.random() > 0.02]
    return "".join(kept)


def repeat(text: str, rng: random.Random, _: list[Row]) -> str:
    """A slice repeated, up to a thousand times."""
    start = rng.randint(0, len(text))
    end = min(len(text), start + rng.randint(1, 40))
    return text[:end] + text[start:end] * rng.choice((1, 2, 10, 1000)) + text[end:]


def double_tags(text: str, rng: random.Random, _: list[Row]) -> str:
    """Tags twice, or in the wrong place."""
    tags = _TAG.findall(text) or ["<think>", "</think>", "<answer>"]
    where = rng.randint(0, len(text))
    doubled = _TAG.sub(lambda m: m.group() * (2 if rng.random() < 0.5 else 1), text)
    return doubled if rng.random() < 0.5 else text[:where] + rng.choice(tags) + text[where:]


_ODD = (
    "\u200b\u200d\ufeff\u202e\u2066\x00\x1b\x7f\u0301\u0130\u00df\uff14\u0664\u0967\u2460\u00b2\u00bd\u2212\u2044\u221e"
    "\U0001d7d2\U0001f600\ud7ff\uffff\u2028\u2029\u00a0\u3000"
)


def odd_characters(text: str, rng: random.Random, _: list[Row]) -> str:
    """Invisible, combining, full-width and other characters put in."""
    for _i in range(rng.randint(1, 8)):
        where = rng.randint(0, len(text))
        text = text[:where] + rng.choice(_ODD) + text[where:]
    return text


def symbols(text: str, rng: random.Random, _: list[Row]) -> str:
    """Bits of LaTeX, brackets and signs put in."""
    bits = (
        "{", "}", "\\", "\\{", "\\}", "$", "^", "_", "&", "%", "#", "~", r"\frac", r"\sqrt[", "(",
        ")", "[", "]", r"\left", r"\right)", r"\begin{pmatrix}", r"\end{pmatrix}", ",", ";", "=",
        "\\\\", "!", "!!", "^^", "**", "e999999999", "9" * 200, r"\pm", r"\cup", r"\infty", "i",
        r"\text{", "'", "|", "<", ">", r"\boxed{", r"\boxed", "^{^{^{", r"\log_", r"\binom",
        r"\sum", r"\int_0^1", "0^0", "/0", "10^10^10",
    )  # fmt: skip
    for _i in range(rng.randint(1, 5)):
        where = rng.randint(0, len(text))
        text = text[:where] + rng.choice(bits) + text[where:]
    return text


def nest(text: str, rng: random.Random, _: list[Row]) -> str:
    """The boxes' contents in many brackets, roots, fractions or powers."""
    depth = rng.choice((3, 30, 70, 300, 3000))
    before, after = rng.choice((
        ("{", "}"), ("(", ")"), (r"\sqrt{", "}"), (r"\frac{1}{", "}"), ("2^{", "}"),
        (r"\text{", "}"), (r"\left(", r"\right)"), (r"\boxed{", "}"), (r"\sin(", ")"), ("-", ""),
        (r"\{", r"\}"), ("", "!"), (r"\begin{pmatrix}", r"\end{pmatrix}"), ("|", "|"), ("1+", ""),
        ("", "^2"), ("", "/7"), ("0.", ""),
    ))  # fmt: skip
    return _BOX.sub(lambda m: rf"\boxed{{{before * depth}{m[1]}{after * depth}}}", text)


def splice(text: str, rng: random.Random, rows: list[Row]) -> str:
    """The beginning of this completion and the end of another's."""
    other = rng.choice(rows)["completion"]
    return text[: rng.randint(0, len(text))] + other[rng.randint(0, len(other)) :]


def join(text: str, rng: random.Random, rows: list[Row]) -> str:
    """This completion and another's, one after the other."""
    other = rng.choice(rows)["completion"]
    return text + other if rng.random() < 0.5 else other + text


def other_box(text: str, rng: random.Random, rows: list[Row]) -> str:
    """What another completion has in its box, in this one's."""
    contents = boxed_contents(rng.choice(rows)["completion"]) or ["\\"]
    return _BOX.sub(lambda _m: rf"\boxed{{{contents[-1]}}}", text)


DRESSING: tuple[Mutation, ...] = (
    widen_blanks, change_blanks, pad, pad_boxes, change_case, wrap_boxes, wrap_contents,
    wrap_declared, add_prose,
)  # fmt: skip
MANGLING: tuple[Mutation, ...] = (
    cut, cut_head, delete, repeat, double_tags, odd_characters, symbols, nest, splice, join,
    other_box,
)  # fmt: skip


# --- grading ------------------------------------------------------------------------------------


def mutated(row: Row, rng: random.Random, rows: list[Row]) -> tuple[Row, list[str], bool]:
    """A mutated copy, the names of what was done to it, and whether that was dressing alone."""
    dressing = rng.random() < 0.5
    chosen = rng.choices(DRESSING if dressing else DRESSING + MANGLING, k=rng.randint(1, 3))
    text = row["completion"]
    for mutation in chosen:
        text = mutation(text, rng, rows)[:200_000]
    harmless = all(mutation in DRESSING for mutation in chosen)
    return {**row, "completion": text}, [m.__name__ for m in chosen], harmless


def limit_of(row: Row) -> float:
    """Seconds that grading a row may take."""
    own = float(row.get("must_finish_s") or 0)
    return max(own, CODE_SECONDS if row["task_kind"].startswith("code") else SECONDS)


class Fuzzer:
    """Grades mutated rows and keeps what went wrong."""

    def __init__(self, rows: list[Row], grade: Callable[[Row], Verdict], seed: int) -> None:
        self.rows, self._grade = rows, grade
        self._rng = random.Random(seed)
        self.failures: list[Row] = []
        self.statuses: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.slowest = 0.0
        self._thread = ThreadPoolExecutor(1)
        self._own: dict[int, str] = {}

    def step(self, code_share: float) -> None:
        """Mutate one row at random and grade it."""
        code = self._rng.random() < code_share
        chosen = [i for i, r in enumerate(self.rows) if r["task_kind"].startswith("code") is code]
        if not chosen:
            return
        index = self._rng.choice(chosen)
        row, names, dressing = mutated(self.rows[index], self._rng, self.rows)
        began = time.monotonic()
        status, detail = self._status(row)
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took if not code else 0.0)
        self.statuses[status] += 1
        self.kinds[row["task_kind"]] += 1
        if why := self._failure(index, row, status, took, dressing):
            self.failures.append(
                {**row, "why_failed": why, "mutations": names, "status": status, "detail": detail,
                 "seconds": round(took, 2)}
            )  # fmt: skip

    def _status(self, row: Row) -> tuple[str, str]:
        try:
            verdict = self._thread.submit(self._grade, row).result(timeout=GIVE_UP)
        except FutureTimeoutError:
            return "hangs", f"no verdict after {GIVE_UP:.0f} s"
        except Exception as error:  # noqa: BLE001  any exception is what is looked for
            return "raised", f"{type(error).__name__}: {error}"
        return str(verdict.status), f"{verdict.engine}: {verdict.answer!r} {verdict.reason}"

    def _failure(self, index: int, row: Row, status: str, took: float, dressing: bool) -> str:
        if status in ("raised", "hangs"):
            return status
        if took > limit_of(row):
            return "slow"
        masked = status in ("timeout", "crashed", "bad_gold") and row["task_kind"] != "judge"
        if masked and self._own_status(index) != status:  # judge: the rest is for a judge to say
            return "masked"
        if dressing and not row["should_be_correct"] and status == "correct":
            return "flipped"
        return ""

    def _own_status(self, index: int) -> str:
        if index not in self._own:
            self._own[index] = self._status(self.rows[index])[0]
        return self._own[index]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("vectors", type=Path, help="JSONL file of attack rows")
    parser.add_argument("--count", type=int, default=10_000, help="mutated rows to grade")
    parser.add_argument("--kinds", nargs="+", help="task kinds (default: all)")
    parser.add_argument("--code-share", type=float, default=0.02, help="share of programs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", type=Path, help="write what went wrong to this JSONL")
    options = parser.parse_args(arguments)
    if not options.vectors.is_file():
        raise SystemExit(
            f"verifier_fuzz: reading {options.vectors}: there is no such file; expected a JSONL of "
            "rows with task_kind, ground_truth, completion and should_be_correct."
        )
    rows = [json.loads(line) for line in options.vectors.read_text().splitlines() if line.strip()]
    rows = [r for r in rows if not options.kinds or r["task_kind"] in options.kinds]
    if not rows:
        raise SystemExit(f"verifier_fuzz: {options.vectors} has no rows of these kinds.")
    from cogitate.verifiers.grade import grade

    rows = gradable(rows, grade)
    fuzzer = Fuzzer(rows, grade, options.seed)
    began = said = time.monotonic()
    for done in range(1, options.count + 1):
        fuzzer.step(options.code_share)
        now = time.monotonic()
        if now - said > 10:
            said, left = now, (now - began) / done * (options.count - done)
            print(f"{done}/{options.count}, {len(fuzzer.failures)} failures, {left:.0f} s left",
                  file=sys.stderr, flush=True)  # fmt: skip
        if fuzzer.statuses["hangs"]:
            break
    return report(fuzzer, options)


def gradable(rows: list[Row], grade: Callable[[Row], Verdict]) -> list[Row]:
    """The rows of kinds that there is a verifier for; says which kinds are left out."""
    known: dict[str, bool] = {}
    for row in rows:
        kind = row["task_kind"]
        if kind not in known:
            try:
                grade(row)
                known[kind] = True
            except ValueError as fault:
                known[kind] = False
                print(f"left out: kind {kind}: {fault}", file=sys.stderr)
    return [row for row in rows if known[row["task_kind"]]]


def report(fuzzer: Fuzzer, options: argparse.Namespace) -> int:
    """Print the counts, write the failures; 1 if there are any."""
    total = fuzzer.statuses.total()
    print(f"{total} mutated rows: {dict(fuzzer.kinds.most_common())}")
    print(f"verdicts: {dict(fuzzer.statuses.most_common())}; slowest {fuzzer.slowest:.2f} s")
    print(f"failures: {dict(Counter(f['why_failed'] for f in fuzzer.failures)) or 'none'}")
    for failure in fuzzer.failures[:20]:
        print(f"  {failure['why_failed']}: {failure.get('id')} {failure['mutations']} "
              f"-> {failure['status']} {failure['detail'][:200]!r}")  # fmt: skip
    if options.failures:
        with options.failures.open("w") as out:
            out.writelines(json.dumps(f) + "\n" for f in fuzzer.failures)
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
