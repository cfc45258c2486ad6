"""What every rule has in common: gold faults, caps, and nothing that raises."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogitate.verdict import Status
from cogitate.verifiers.rules import RULES, WHOLE_COMPLETION, check_gold, verify
from cogitate.verifiers.rules.rule import (
    GoldError,
    gold_integer,
    gold_json,
    gold_mapping,
    gold_text,
    shown,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
INSTRUCTIONS = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
# Kind -> (gold, a right text, a wrong text).
EXAMPLES: dict[str, tuple[object, str, str]] = {
    "mcq": ("C", "Answer: C", "Answer: D"),
    "gsm8k": ("18", "2 * 9 = 18\n#### 18", "#### 19"),
    "countdown": ({"numbers": [3, 7, 50], "target": 71}, "<answer>3*7+50</answer>", "71"),
    "format": ("<think>...</think><answer>...</answer>", "<think>a</think><answer>b</answer>", "b"),
    "language": (
        "en",
        "<think>We add the two numbers and look at the sum.</think>7",
        "<think>我们把两个数字加起来看看结果是多少。</think>7",
    ),
    "reasoning_steps": (
        "genuine steps",
        "<think>There are 3 bags. Each bag holds 4 apples. So 3 * 4 = 12 apples.</think>12",
        "<think>First, second, third, finally.</think>12",
    ),
    "repetition": (
        "not much",
        "<think>We add three to four and get seven.</think> 7",
        "wait no " * 99,
    ),
    "length": ({"max_words": 5}, "one two three", "one two three four five six"),
    "matrix_text": ("1 2 3 6", "[1, 2, 3, 6]", "1 2 3"),
    "text": ("Evelyn", "**evelyn**", "Eve"),
    "exact_text": ("Evelyn", "Evelyn", "evelyn"),
    "logic": (
        {"type": "assignment", "answer": {"Ann": "knight", "Bob": "knave"}},
        "Ann is a knight and Bob is a knave.",
        "Ann is a knave and Bob is a knave.",
    ),
    "code_output": ("[1, 2]", "[1,2]", "[2, 1]"),
    "instructions": (INSTRUCTIONS, "No sign of it here.", "Here, there is one."),
    "json_schema": ({"schema": SCHEMA}, '{"a": 1}', '{"a": "x"}'),
    "tool_call": ([{"f": {"a": [1]}}], "f(a=1)", "f(a=2)"),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def test_every_kind_has_an_example():
    assert RULES.keys() - EXAMPLES.keys() == {"integration"}  # it needs worker processes
    for kind, rule in RULES.items():
        assert rule.kind == kind


@pytest.mark.parametrize("kind", EXAMPLES)
def test_right_and_wrong(kind: str):
    gold, right, wrong = EXAMPLES[kind]
    good, bad = verify(kind, gold, right), verify(kind, gold, wrong)
    assert (good.status, good.score, good.correct) == (Status.CORRECT, 1.0, True)
    assert (bad.status, bad.score, bad.correct) == (Status.WRONG, 0.0, False)
    assert good.cause == "" and bad.cause
    assert good.engine and good.gold and good.milliseconds > 0
    assert check_gold(kind, gold) is None


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_gold_may_be_the_text_of_its_json(kind: str):
    gold, right, _ = EXAMPLES[kind]
    if not isinstance(gold, str):
        assert verify(kind, json.dumps(gold), right).correct is True


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u200b", "\x00"])
def test_a_text_without_anything_is_unparseable(kind: str, text: str):
    verdict = verify(kind, EXAMPLES[kind][0], text)
    assert (verdict.status, verdict.cause) == (Status.UNPARSEABLE, "empty")


@pytest.mark.parametrize("kind", EXAMPLES)
def test_too_long_is_wrong_and_not_masked(kind: str):
    verdict = verify(kind, EXAMPLES[kind][0], "a" * 2_000_001)
    assert (verdict.status, verdict.cause) == (Status.WRONG, "too_long")


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("gold", [b"x", object(), {"no": "such"}, [[]], float("nan"), {1: 2}])
def test_a_bad_gold_is_the_datas_fault(kind: str, gold: object):
    reason = check_gold(kind, gold)
    verdict = verify(kind, gold, "Answer: A")
    if reason is None:
        assert verdict.status is not Status.BAD_GOLD
    else:
        assert verdict.status is Status.BAD_GOLD
        assert verdict.reason == reason
        assert verdict.correct is None and verdict.score == 0.0


@given(kind=st.sampled_from(sorted(EXAMPLES)), gold=JSON)
@settings(max_examples=60)
def test_no_gold_raises(kind: str, gold: object):
    reason = check_gold(kind, gold)
    assert reason is None or reason
    verify(kind, gold, "Answer: A")


@given(kind=st.sampled_from(sorted(EXAMPLES)), text=st.text(max_size=200))
@settings(max_examples=60)
def test_no_text_raises(kind: str, text: str):
    assert verify(kind, EXAMPLES[kind][0], text).correct in (True, False)


WRAPPINGS = [
    "{}",
    "  {}  ",
    "\n\n{}\n",
    "**{}**",
    "$${}$$",
    "`{}`",
    "<answer>{}</answer>",
    "\\boxed{{{}}}",
    "\\text{{{}}}",
    "Answer: {}",
    "> {}",
    "({})",
    '"{}"',
    "```\n{}\n```",
]


@given(
    kind=st.sampled_from(sorted(EXAMPLES.keys() - WHOLE_COMPLETION - {"instructions"})),
    wrapping=st.sampled_from(WRAPPINGS),
    inner=st.sampled_from(WRAPPINGS),
    case=st.sampled_from([str, str.upper, str.lower, str.title]),
)
@settings(max_examples=80)
def test_wrapping_and_case_never_make_a_wrong_answer_right(kind, wrapping, inner, case):
    gold, _, wrong = EXAMPLES[kind]
    text = wrapping.format(inner.format(case(wrong)))
    if kind == "exact_text" and "Evelyn" in text:
        return  # the case is the answer there
    assert verify(kind, gold, text).correct is False


def test_threads_do_not_disturb_each_other():
    def one(index: int) -> list[bool | None]:
        kinds = sorted(EXAMPLES.keys() - {"gsm8k"})
        rotated = kinds[index:] + kinds[:index]
        return [verify(k, *EXAMPLES[k][:2]).correct for k in rotated]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, range(12)))
    assert all(all(row) for row in results)


def test_an_unknown_kind():
    assert "known: code_output, countdown" in str(check_gold("riddle", "x"))
    with pytest.raises(KeyError):
        verify("riddle", "x", "x")


def test_prefilled_thinking_is_put_back_for_whole_completions_only():
    gold = "<think>...</think>"
    assert verify("format", gold, "a\n</think>\n\n42", prefilled=True).correct is True
    assert verify("format", gold, "a\n</think>\n\n42").correct is False
    assert verify("text", "42", "42", prefilled=True).correct is True


def test_readers_of_golds():
    assert gold_text(7) == "7"
    assert gold_json('{"a": 1}') == {"a": 1}
    assert gold_mapping({"a": 1}, required=("a",)) == {"a": 1}
    assert gold_integer(3, "n") == 3
    for call in (
        lambda: gold_text(""),
        lambda: gold_text(True),
        lambda: gold_text("x" * 200_001),
        lambda: gold_json("{"),
        lambda: gold_json("[" * 100_000),
        lambda: gold_json(" " * 200_001),
        lambda: gold_mapping("[]"),
        lambda: gold_mapping({"b": 1}, required=("a",)),
        lambda: gold_mapping({"a": 1, "b": 1}, required=("a",)),
        lambda: gold_integer(True, "n"),
        lambda: gold_integer(-1, "n"),
        lambda: gold_integer(1.0, "n"),
    ):
        with pytest.raises(GoldError):
            call()


def test_what_people_see_is_short_and_on_one_line():
    assert shown("a\n  b") == "a b"
    assert len(shown("x " * 10_000)) <= 400
    assert shown({"k": [1, "é"]}) == '{"k": [1, "é"]}'
    assert shown({1, 2}) == "set"
