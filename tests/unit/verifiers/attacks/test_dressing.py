"""A wrong answer stays wrong however it is dressed, and no dressing breaks a verifier.

The mutations change blanks, letter case and what is written around an answer, at random from a
fixed seed. Ten thousand of them run with ``-m slow``.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from cogitate.verdict import Verdict
from cogitate.verifiers.attacks import Attack, corpus
from cogitate.verifiers.grade import RowVerifier

# Here blanks, case or wrapping are the fault itself: without it the row is right.
ITSELF = {
    "format/format/upper-case", "math/location/upper-case-close", "format/format/empty-answer",
    "gsm8k/hedging/two-lines", "gsm8k/hedging/two-lines-gold-last", "gsm8k/hedging/or",
}  # fmt: skip
WRONG = tuple(
    row
    for row in corpus()
    if row.correct is False
    and not row.kind.startswith("code")
    and len(row.completion) < 3000
    and row.id not in ITSELF
)
BOX = re.compile(r"(\\boxed\{)([^{}]*)(\})")
SECTION = re.compile(r"(<answer>)([^<>]*)(</answer>)")
LINE = re.compile(r"(#### )([^\n]*)($)", re.MULTILINE)
AROUND_ANSWERS = (
    ("$", "$"), ("\\text{", "}"), ("\\mathrm{", "}"), ("{", "}"), ("\\left(", "\\right)"), (" ", " "),
    ("\n", "\n"), ("\\,", "\\;"), ("**", "**"), ("`", "`"), ('"', '"'), ("\u200b", ""), ("", "."),
    ("\\displaystyle ", ""), ("\\(", "\\)"), ("(", ")"), ("\\mathbf{", "}"), ("", "\u3002"),
)  # fmt: skip
AROUND_ALL = (
    ("**", "**"), ("\n\n", "\n\n"), ("> ", ""), ("The answer is as follows.\n", ""), ("", "\nDone."),
    ("`", "`"), ("_", "_"), ("\t", "\t"), ("\ufeff", ""), ("", "<|im_end|>"),
)  # fmt: skip

Dressing = Callable[[str, random.Random], str]


def wrap_answers(final: str, rng: random.Random) -> str:
    before, after = rng.choice(AROUND_ANSWERS)
    for pattern in (BOX, SECTION, LINE):
        final = pattern.sub(lambda m: f"{m[1]}{before}{m[2]}{after}{m[3]}", final)
    return final


def wrap_all(final: str, rng: random.Random) -> str:
    before, after = rng.choice(AROUND_ALL)
    return f"{before}{final}{after}"


def widen_blanks(final: str, rng: random.Random) -> str:
    blank = rng.choice(("  ", "\t", " \n", "\u00a0", "\r\n"))
    return re.sub(r"[ \n]", lambda m: blank if rng.random() < 0.5 else m[0], final)


def change_case(final: str, rng: random.Random) -> str:
    return rng.choice((str.upper, str.lower, str.title, str.swapcase))(final)


def change_case_of_answers(final: str, rng: random.Random) -> str:
    change = rng.choice((str.upper, str.lower))
    return BOX.sub(lambda m: m[1] + (m[2] if "\\" in m[2] else change(m[2])) + m[3], final)


DRESSINGS: tuple[Dressing, ...] = (
    wrap_answers, wrap_all, widen_blanks, change_case, change_case_of_answers,
)  # fmt: skip


def dressed(count: int, seed: int) -> Iterator[Attack]:
    rng = random.Random(seed)
    for _ in range(count):
        row = rng.choice(WRONG)
        head, mark, final = row.completion.rpartition("</think>")
        for dressing in rng.choices(DRESSINGS, k=rng.randint(1, 2)):
            final = dressing(final, rng)
        yield replace(row, completion=f"{head}{mark}{final}")


def faults(count: int, seed: int) -> list[str]:
    rows = list(dressed(count, seed))
    found = []
    with RowVerifier(workers=2) as verifier:
        for row, verdict in zip(rows, verifier.verify_all(r.row() for r in rows), strict=True):
            assert isinstance(verdict, Verdict), verdict
            masked = verdict.correct is None and verdict.cause != "no_judge"
            if masked or verdict.correct:
                found.append(
                    f"{row.id} {verdict.status}/{verdict.cause}: {row.completion[-120:]!r}"
                )
    return found


def test_some_hundred_dressings() -> None:
    assert faults(300, seed=0) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_ten_thousand_dressings(seed: int) -> None:
    assert faults(2000, seed=seed) == []
