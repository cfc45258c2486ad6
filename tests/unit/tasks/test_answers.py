"""Gold answers: where they stand, which kind they are, what equals them."""

import json
import time
from fractions import Fraction
from typing import Any

import pytest

from cogitate.tasks.answers import (
    MAX_TEXT_ANSWER,
    CodeRules,
    GoldError,
    decide_kind,
    extract_gold,
    gold_number,
    last_boxed,
    matches,
    normalise_text,
    verify_answer,
    worked_solution,
)
from cogitate.verdict import Status

OPTIONS = "Which planet is largest?\nA. Mars\nB. Jupiter\nC. Venus\nD. Earth"


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("72", "72"),
        (" 72 \n", "72"),
        ("He has 4 * 18 = <<4*18=72>>72 left.\n#### 72", "72"),
        ("#### 1,024 ", "1,024"),
        ("#### 1\n#### 2", "2"),
        (r"So the answer is $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"First $\boxed{3}$, then $\boxed{4}$", "4"),
        (r"\boxed{\text{Evelyn}}", r"\text{Evelyn}"),
        (r"\boxed{ {1, 2} }", "{1, 2}"),
        (r"\boxed{unclosed", r"\boxed{unclosed"),
    ],
)
def test_extract_gold(text: str, gold: str):
    assert extract_gold(text) == gold


def test_last_boxed_balances_braces():
    assert last_boxed(r"\boxed{a{b{c}d}e} and }") == "a{b{c}d}e"
    assert last_boxed(r"\fbox{7}") == "7"
    assert last_boxed("no box") is None
    assert last_boxed(r"\boxed{{{") is None


def test_worked_solution_drops_notes_and_the_last_line():
    text = "She sold 48/2 = <<48/2=24>>24 clips.\nTogether 48+24 = <<48+24=72>>72.\n#### 72"
    assert worked_solution(text) == "She sold 48/2 = 24 clips.\nTogether 48+24 = 72."


@pytest.mark.parametrize(
    ("gold", "value"),
    [
        ("72", 72),
        ("1,024.5", Fraction(2049, 2)),
        (r"\frac{14}{3}", Fraction(14, 3)),
        (r"-\dfrac{14}{3}", Fraction(-14, 3)),
        (r"\frac12", Fraction(1, 2)),
        (r"3\frac{1}{2}", Fraction(7, 2)),
        (r"\$18.00", 18),
        ("$18", 18),
        (r"$1{,}000$", 1000),
        (r"90^\circ", 90),
        (r"90^{\circ}", 90),
        (r"50\%", None),
        (r"\frac{\pi}{2}", None),
        ("p - q", None),
        ("", None),
    ],
)
def test_gold_numbers(gold: str, value: int | Fraction | None):
    assert gold_number(gold) == value


@pytest.mark.parametrize(
    ("gold", "declared", "question", "kind"),
    [
        ("72", "auto", "How many?", "number"),
        ("-1,024.5", "auto", "How many?", "number"),
        (r"\frac{14}{3}", "auto", "Find x.", "number"),
        ("p - q", "auto", "Find it.", "text"),
        (r"\text{Evelyn}", "auto", "Who?", "text"),
        ("B", "auto", OPTIONS, "choice"),
        ("(B)", "auto", OPTIONS, "choice"),
        ("E", "auto", OPTIONS, "text"),  # not among the options that the question lists
        ("B", "auto", "Name a letter.", "text"),
        ("B", "choice", "Name a letter.", "choice"),
        ("72", "text", "How many?", "text"),
        ("72", "number", "How many?", "number"),
    ],
)
def test_the_kind_of_a_gold_answer(gold: str, declared: str, question: str, kind: str):
    assert decide_kind(gold, declared, question) == kind


@pytest.mark.parametrize(
    ("gold", "declared", "reason"),
    [
        ("p - q", "number", "not a number"),
        ("", "auto", "empty"),
        (" . ", "text", "empty"),
        ("x" * (MAX_TEXT_ANSWER + 1), "auto", "longer than 200"),
        ("K", "choice", "not one option letter of A..J"),
        ("AB", "choice", "not one option letter"),
    ],
)
def test_gold_answers_that_cannot_be_used(gold: str, declared: str, reason: str):
    with pytest.raises(GoldError, match=reason):
        decide_kind(gold, declared, "?")


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("72", "72", True),
        ("72", "72.0", True),
        ("72", "$72", True),
        ("72", r"\$72", True),
        ("72", "She sold 48 + 24 = 72 clips.", True),
        ("72", "72 of 100", False),
        ("72", "720", False),
        (r"\frac{14}{3}", "14/3", True),
        (r"\frac{14}{3}", r"$\dfrac{14}{3}$", True),
        (r"\frac{14}{3}", r"4\frac{2}{3}", True),
        (r"\frac{14}{3}", r"\frac{28}{6}", True),
        (r"\frac{14}{3}", "4.666667", False),
        ("1,024", "1024", True),
        ("0.5", "1/2", True),
        (r"90^\circ", "90 degrees", True),
        ("90", r"The angle is $90^\circ$.", True),
        ("72", "no idea", False),
        ("72", "", False),
    ],
)
def test_numbers_are_compared_exactly(gold: str, answer: str, right: bool):
    assert matches("number", gold, answer, "?") is right


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("Evelyn", "evelyn.", True),
        (r"\text{Evelyn}", "Evelyn", True),
        ("p - q", "$p-q$", True),
        ("p - q", "q - p", False),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\dfrac{\pi}{2})", True),
        ("New  York", "new york", True),
        ("New York", "NewYork", False),
        ("Evelyn", "Evelyn or Carla", False),
        ("Evelyn", "It is Evelyn", False),
        ("\ufb01ve", "five", True),
    ],
)
def test_text_is_compared_after_normalisation(gold: str, answer: str, right: bool):
    assert matches("text", gold, answer, "?") is right


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("B", True),
        ("b", True),
        ("(B)", True),
        ("B.", True),
        ("**B**", True),
        (r"\text{(B)}", True),
        ("B. Jupiter", True),
        ("The answer is B", True),
        ("I think the answer is (B).", True),
        ("I think it is (B).", False),  # prose that declares no answer
        ("A or B", False),  # two options are none
        ("B or A", False),
        ("C", False),
        ("Jupiter", False),
        ("BB", False),
        ("", False),
        ("Because", False),
    ],
)
def test_choices_are_compared_by_the_one_option_stated(answer: str, right: bool):
    assert matches("choice", "B", answer, OPTIONS) is right


def test_only_listed_options_count():
    # "I" is a word here, not the ninth option.
    assert matches("choice", "B", "B, I think", OPTIONS)
    assert matches("choice", "B", "B, I think", "Name a letter.")


def test_a_gold_number_that_is_none_is_an_error_and_not_a_wrong_answer():
    with pytest.raises(GoldError):
        matches("number", "p - q", "5", "?")
    with pytest.raises(GoldError):
        matches("choice", "72", "B", "?")


def test_normalisation_is_idempotent():
    for text in (r"\left( 3, \dfrac{x}{2} \right)", " New  York. ", r"\text{(C)}", "½", "x = 5"):
        assert normalise_text(normalise_text(text)) == normalise_text(text)


@pytest.mark.parametrize(
    "answer",
    [
        "9" * 1_000_000,
        "\\frac" * 200_000,
        "1 " * 500_000,
        " " * 1_000_000,
        "{" * 1_000_000,
        "\\text{" * 200_000,
        "A" * 1_000_000,
        "(" * 1_000_000,
        "1," * 500_000,
        "\\frac{1}{" * 100_000,
    ],
    ids=lambda text: text[:8],
)
@pytest.mark.parametrize(("kind", "gold"), [("number", "72"), ("text", "x"), ("choice", "B")])
def test_hostile_answers_take_no_time(kind: str, gold: str, answer: str):
    start = time.process_time()
    assert matches(kind, gold, answer, OPTIONS) is False  # type: ignore[arg-type]
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("A", "The answer is C. A quick check confirms it.", False),
        ("C", "The answer is C. A quick check confirms it.", True),
        ("C", "The answer is C, I think so", True),
        ("C", "It is C, I think so", False),
        ("A", "I think (A) fits", False),
        ("A", "A is right", False),
        ("A", "Answer: A because it is larger", True),
        ("A", "A", True),
    ],
)
def test_an_article_or_a_pronoun_is_no_option(gold: str, answer: str, expected: bool) -> None:
    assert matches("choice", gold, answer, "which?") is expected


TESTS = json.dumps({"inputs": ["2\n", "3\n"], "outputs": ["4\n", "9\n"]})
SQUARE = "```python\nprint(int(input()) ** 2)\n```"
CALL = [{"add": {"a": [1], "b": [2]}}]


@pytest.mark.parametrize(
    ("gold", "declared", "kind"),
    [
        (r"\frac{\sqrt{3}}{2}", "auto", "math"),
        ("x^2 + 1", "auto", "math"),
        ("(3, 4)", "auto", "math"),
        ("72", "math", "math"),
        ("12:30", "text", "text"),
        (TESTS, "auto", "code"),
        (TESTS, "code", "code"),
        ("1 2\n3 4", "matrix_text", "matrix_text"),
        (json.dumps(CALL), "tool_call", "tool_call"),
    ],
)
def test_gold_answers_with_a_verifier_of_their_own(gold: str, declared: str, kind: str):
    assert decide_kind(gold, declared, "?") == kind


@pytest.mark.parametrize(
    ("gold", "declared", "reason"),
    [
        ("{", "code", "code needs JSON"),
        ('{"tests": 5}', "code", "neither"),
        ('{"target": 5}', "auto", "declare its answer_kind"),
        (r"\frac{1}{", "math", "."),
        ("5", "tool_call", "."),
    ],
)
def test_what_a_verifier_of_its_own_cannot_use(gold: str, declared: str, reason: str):
    with pytest.raises(GoldError, match=reason):
        decide_kind(gold, declared, "?")


@pytest.mark.parametrize(
    ("kind", "gold", "answer", "status"),
    [
        ("math", r"\frac{1}{2}", "0.5", Status.CORRECT),
        ("math", r"\frac{1}{2}", "2", Status.WRONG),
        ("math", r"\frac{1}{2}", "", Status.UNPARSEABLE),
        ("number", "72", "so 72", Status.CORRECT),
        ("number", "p", "72", Status.BAD_GOLD),
        ("matrix_text", "1 2", "[1, 2]", Status.CORRECT),
        ("tool_call", json.dumps(CALL), "add(a=1, b=2)", Status.CORRECT),
        ("tool_call", json.dumps(CALL), "add(a=1, b=3)", Status.WRONG),
    ],
)
def test_every_kind_gives_a_verdict(kind: Any, gold: str, answer: str, status: Status):
    verdict = verify_answer(kind, gold, answer, "?")
    assert verdict.status is status
    assert verdict.engine or verdict.status is not Status.CORRECT


@pytest.mark.parametrize(
    ("answer", "status", "score"),
    [
        (SQUARE, Status.CORRECT, 1.0),
        ("```python\nprint(4)\n```", Status.WRONG, 0.5),
        ("no program", Status.UNPARSEABLE, 0.0),
    ],
)
def test_programs_are_run_in_the_sandbox(answer: str, status: Status, score: float):
    verdict = verify_answer("code", TESTS, answer, "?", code=CodeRules(score="fraction"))
    assert (verdict.status, verdict.score) == (status, score)
