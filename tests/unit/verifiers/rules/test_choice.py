"""Multiple choice: one committed letter, wherever a declared form puts it, and no hedging."""

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.rules.choice import RULE, chosen_options

FORMS = [
    "{x}",
    "({x})",
    "{x}.",
    "**{x}**",
    "{x}) 5 metres",
    "{x}: a longer text about vitamins",
    "Answer: {x}",
    "ANSWER: {x}",
    "answer: ({x})",
    "**Answer: {x}**",
    "> **Answer:** {x}",
    "### Final answer: {x}",
    "The answer is {x}.",
    "So, the correct answer is **{x}**.",
    "The correct option is {x}",
    "My final answer is: {x}",
    "Therefore the best choice is {x}.",
    "Answer: {x}. Because the others fail.",
    "Answer: {x}, since nothing else fits",
    "\\boxed{{{x}}}",
    "$\\boxed{{{x}}}$",
    "\\boxed{{\\text{{{x}}}}}",
    "\\boxed{{\\textbf{{({x})}}\\ 25}}",
    "\\boxed{{{x}: some text}}",
    "\\fbox{{{x}}}",
    "<answer>{x}</answer>",
    "<answer> ({x}) </answer>",
    "We weigh them all.\n\nThe rest fails, so\n\n{x}",
    "It was hard. In the end the answer is {x}",
    "Since \\boxed{{E = mc^2}} holds, it follows.\n\nAnswer: {x}",
    "答案：{x}",
    "所以答案是{x}。",
    "答えは {x}",
    "정답: {x}",
    "Antwort: {x}",
    "Réponse : {x}",
    "Respuesta correcta: {x}",
    "Ответ: {x}",
    "Resposta: {x}",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("letter", ["B", "D"])
def test_every_form_states_its_letter(form: str, letter: str):
    text = form.format(x=letter)
    assert chosen_options(text) == {letter}
    assert RULE(letter, text).correct is True
    assert RULE("C", text).correct is False


@pytest.mark.parametrize("letter", ["a", "c", "i"])
def test_a_small_letter_by_itself_counts(letter: str):
    for text in (letter, f"({letter})", f"Answer: {letter}", f"\\boxed{{{letter}}}"):
        assert chosen_options(text) == {letter.upper()}


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{A}\\boxed{B}\\boxed{C}\\boxed{D}",
        "\\boxed{A, B, C, D}",
        "Answer: C or D",
        "Answer: C/D",
        "Answer: C and D",
        "Answer: C, maybe D",
        "Answer: C (or D)",
        "Answer: C? D?",
        "Answer: C\nAnswer: D",
        "Answer: C\n\nD",
        "Answer: C\n\\boxed{D}",
        "<answer>C</answer><answer>D</answer>",
        "<answer>C or D</answer>",
        "The answer is C. But perhaps the answer is D.",
        "\\boxed{C} or \\boxed{D}",
        "答案：C或D",
    ],
)
def test_hedging_is_wrong(text: str):
    verdict = RULE("C", text)
    assert verdict.status is Status.WRONG
    assert verdict.cause == "hedged"
    assert RULE("D", text).correct is False


@pytest.mark.parametrize(
    "text",
    [
        "I think A is wrong. Because B is not valid, and C looks odd, hard to say.",
        "I THINK A IS WRONG. BECAUSE B IS NOT VALID, AND C LOOKS ODD.",
        "C looks odd",
        "C is wrong",
        "The answer is not C",
        "The answer isn't C",
        "The answer cannot be C",
        "Answer: not C",
        "Answer: C is wrong",
        "Answer: C cannot be right",
        "Answer: none of them",
        "Answer:",
        "A good question indeed",
        "Answer: A polygenic score",
        "I",
        "\\boxed{\\langle C\\rangle \\ll \\Delta E}",
        "\\boxed{C = \\pi d}",
        "\\boxed{42}",
        "Vitamin C",
        "C++",
        "the C-major scale",
        "Answer: CD",
        "Answer: See above",
        "<think>The answer is C",
        "<answer>I think C</answer>",
    ],
)
def test_letters_in_prose_and_formulas_are_no_answer(text: str):
    gold = "C" if "C" in text else "A"
    assert RULE(gold, text).correct is False


def test_an_explicit_line_outranks_a_formula_in_a_box():
    text = "Since \\boxed{\\langle H\\rangle \\ll E}, it follows.\n\n**Answer: D**"
    assert RULE("D", text).correct is True
    assert RULE("E", text).correct is False
    assert RULE("H", text).correct is False


def test_denying_the_others_is_no_hedging():
    assert RULE("C", "Answer: C, not D").correct is True
    assert RULE("C", "The answer is: C. Option B is wrong.").correct is True


def test_full_width_letters_are_letters_and_others_are_not():
    assert RULE("C", "Answer: \uff23").correct is True
    assert RULE("C", "Answer: \u0421").correct is False  # Cyrillic
    assert RULE("C", "Answer: \u2103").correct is False  # degrees Celsius is no option


def test_thinking_does_not_count():
    assert RULE("C", "<think>Answer: D</think>Answer: C").correct is True
    assert RULE("C", "<think>Answer: C</think>").correct is False


OPTIONS = {"answer": "B", "options": ["x = 1", "vitamin C or D", "neither", "both"]}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("B", True),
        ("Answer: B. vitamin C or D", True),  # the text of the option is no hedge
        ("\\boxed{vitamin C or D}", True),
        ("Answer: vitamin C or D.", True),
        ("<answer>vitamin c or d</answer>", True),
        ("Answer: neither", False),
        ("Answer: B, neither or D", False),
        ("E", False),
    ],
)
def test_options_may_be_named_by_their_text(text: str, right: bool):
    assert RULE(OPTIONS, text).correct is right


def test_letters_beyond_the_options_are_none():
    assert chosen_options("Answer: F", letters="ABCD") == frozenset()
    assert chosen_options("Answer: B or F", letters="ABCD") == {"B"}
    assert RULE({"answer": "K", "options": 12}, "Answer: K").correct is True


def test_several_right_options():
    gold = {"answer": ["A", "C"]}
    assert RULE(gold, "Answer: A, C").correct is True
    assert RULE(gold, "Answer: C and A").correct is True
    assert RULE(gold, "Answer: A").correct is False
    assert RULE(gold, "Answer: A, B, C").cause == "hedged"
    assert RULE("A, C", "\\boxed{A, C}").correct is True


@pytest.mark.parametrize(
    "gold", ["C", "(C)", "c", "C.", "\\text{C}", " C ", '{"answer": "C"}', ["C"]]
)
def test_usable_golds(gold: object):
    assert RULE.check_gold(gold) is None
    assert RULE(gold, "C").correct is True


@pytest.mark.parametrize(
    "gold",
    [
        "",
        "42",
        "CD",
        "none",
        None,
        7,
        [],
        {},
        {"answer": "E", "options": 4},
        {"answer": "A", "options": 1},
        {"answer": "A", "options": ["only"]},
        {"answer": "A", "options": {"1": "x", "2": "y"}},
        {"answer": "A", "choices": 4},
        '{"answer": ',
    ],
)
def test_unusable_golds_are_not_the_answers_fault(gold: object):
    assert RULE.check_gold(gold)
    verdict = RULE(gold, "A")
    assert verdict.status is Status.BAD_GOLD
    assert verdict.correct is None


def test_equal_option_texts_leave_only_letters():
    gold = {"answer": "A", "options": ["same", "same"]}
    assert RULE(gold, "same").correct is False
    assert RULE(gold, "A").correct is True


@pytest.mark.parametrize(
    "text",
    [
        "A" * 150_000,
        "Answer: A or " * 10_000,
        "\\boxed{" * 20_000,
        "the answer is " * 12_000,
        "\n".join(["Answer: A"] * 15_000),
        "((((" * 30_000,
        "<answer>" * 20_000,
        "so, " * 40_000,
    ],
    ids=["letters", "ors", "boxes", "phrases", "lines", "brackets", "tags", "lead"],
)
def test_hostile_text_is_answered(text: str):
    assert RULE("B", text).correct is False


def test_beyond_the_cap_is_wrong():
    verdict = RULE("A", "A" * 200_001)
    assert (verdict.status, verdict.cause) == (Status.WRONG, "too_long")


@pytest.mark.parametrize(
    "text",
    [
        "It would be wrong to say that the answer is C.",
        "Some say the answer is C. They are mistaken; I pick B.",
        "The answer is C, unless it is D.",
        "the answer is C if x>0 and D otherwise",
        "The answer is C... hmm, or maybe the answer could be D.",
        "I think the answer is C, though the answer might be A.",
        "We find the answer is C. On reflection, B.",
        "Answer: C++ ",
        "Answer: C + D",
    ],
)
def test_taken_back_statements_are_no_answer(text: str):
    assert RULE("C", text).correct is False


@pytest.mark.parametrize(
    "text",
    [
        "Since A is not valid, the answer is C.",
        "If A held, B would follow, so the answer is (C).",
        "In short the answer is C. Option B is wrong.",
        "Answer: C, because if A held, B would be out.",
        "The best answer is option **C**.",
    ],
)
def test_reasons_beside_a_statement_do_not_take_it_back(text: str):
    assert RULE("C", text).correct is True


CELL = {"answer": "C", "options": ["nucleus", "ribosome", "mitochondria", "membrane"]}


@pytest.mark.parametrize("text", ["Answer: C. nucleus", "\\boxed{C: nucleus}"])
def test_a_letter_beside_another_options_text_is_hedged(text: str):
    assert RULE(CELL, text).cause == "hedged"


@pytest.mark.parametrize(
    "text",
    ["The best answer is option **C**: mitochondria.", "**Answer:** The mitochondria"],
)
def test_an_option_by_letter_and_text(text: str):
    assert RULE(CELL, text).correct is True
