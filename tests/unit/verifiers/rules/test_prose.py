"""Language, steps, repetition and length of a completion. The texts are our own."""

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.rules import RULES
from cogitate.verifiers.rules.prose import genuine_steps, thinking

LANGUAGE, STEPS = RULES["language"], RULES["reasoning_steps"]
REPETITION, LENGTH = RULES["repetition"], RULES["length"]

ENGLISH = "We have three bags with four apples each, so we multiply and find twelve apples."
CHINESE = "我们有三个袋子，每个袋子里有四个苹果，所以一共有十二个苹果。"
GERMAN = "Wir haben drei Beutel mit je vier Äpfeln, also sind es zusammen zwölf Äpfel."


@pytest.mark.parametrize(
    ("gold", "think", "right"),
    [
        ("en", ENGLISH, True),
        ("zh", CHINESE, True),
        ("de", GERMAN, True),
        ("German", GERMAN, True),
        ("zh-CN", CHINESE, True),
        ("en", CHINESE, False),
        ("zh", ENGLISH, False),
        ("en", GERMAN, False),
        ("de", ENGLISH, False),
        ("en", ENGLISH + CHINESE, False),
        ("en", "We compute 三乘以四 and then 结果是 十二 so 最后的答案 is clear.", False),
        ("en", "the " * 300 + CHINESE, False),
        ("en", "so we have it " * 50 + CHINESE, False),
        (
            "en",
            "the of and to in a is that it for on as with be was by this are at from or " + CHINESE,
            False,
        ),
        ("en", "$x^2 - 5x + 6 = (x-2)(x-3)$, so $x=2$ or $x=3$; the sum is $5$.", True),
        (
            "en",
            "```python\nfor i in range(3):\n    total += i\n```\nWe run the loop and add.",
            True,
        ),
        ("en", "$x = 2$, $y = 3$", False),
        ("en", "", False),
        ("en", "42", False),
        ("en", f"${CHINESE}$ We are done with all of it here.", False),
    ],
)
def test_language_of_the_thinking(gold: str, think: str, right: bool):
    verdict = LANGUAGE(gold, f"<think>\n{think}\n</think>\n\\boxed{{12}}")
    assert verdict.correct is right
    assert verdict.score == float(right)


def test_only_the_thinking_is_judged():
    assert LANGUAGE("en", f"<think>{CHINESE}</think>{ENGLISH}").correct is False
    assert LANGUAGE("en", f"<think>{ENGLISH}</think>{CHINESE}").correct is True
    assert LANGUAGE("en", ENGLISH).correct is True  # no thinking section: everything
    assert LANGUAGE("zh", f"{CHINESE}</think>{ENGLISH}", prefilled=True).correct is True


def test_the_share_that_is_asked_for():
    half = f"<think>{ENGLISH} {CHINESE}</think>1"
    assert LANGUAGE({"language": "en", "minimum": 0.3}, half).correct is True
    assert LANGUAGE({"language": "en", "minimum": 0.9}, half).correct is False


@pytest.mark.parametrize(
    "gold",
    ["xx", "", 3, None, {"language": "en", "minimum": 0}, {"language": "en", "minimum": 2}, {}],
)
def test_languages_that_are_none(gold: object):
    assert LANGUAGE(gold, ENGLISH).status is Status.BAD_GOLD


GENUINE = """<think>
Each bag holds 4 apples.
There are 3 bags in all.
So the total is 3 * 4 = 12 apples.
</think>12"""


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (GENUINE, True),
        ("Step 1: count the red apples. Step 2: count the green ones. Step 3: 3 + 4 = 7.", True),
        ("1. 3 + 4 = 7\n2. 7 * 2 = 14\n3. 14 - 1 = 13", True),
        ("首先计算总数是多少。然后除以人数得到平均。最后检查答案是否正确。", True),
        ("First, Second, Next, Finally, Step 1: Step 2: Step 3:\n- \n- \n* ", False),
        ("First. Second. Third. Fourth. Finally.", False),
        ("Step 1: ok\nStep 2: ok\nStep 3: ok\nStep 4: ok", False),
        ("Step 1: we add the numbers.\n" * 5, False),
        ("- \n" * 50, False),
        ("We add them and get seven.", False),
        ("We add the numbers again. " * 30 + "Then we stop here now. And that is all.", False),
    ],
)
def test_steps(text: str, right: bool):
    assert STEPS("genuine steps", text).correct is right


def test_the_number_of_steps_may_be_declared():
    assert STEPS({"minimum": 4}, GENUINE).correct is False
    assert STEPS({"minimum": 2}, GENUINE).correct is True
    assert STEPS.check_gold({"minimum": 0}) and STEPS.check_gold(3)
    assert genuine_steps("a. b. c.") == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (GENUINE, True),
        (ENGLISH + CHINESE + GERMAN, True),
        ("7", True),
        ("42 42 42 42", True),  # too short to be a loop
        ("So it is $\\sqrt{2+\\sqrt{2+\\sqrt{2+\\sqrt{2}}}}$, nearly two.", True),
        ("Wait, let me check. " * 40, False),
        ("Wait, let me check. " * 5, False),
        ("the " * 100, False),
        ("我再想想。" * 60, False),
        ("ha" * 400, False),
        (ENGLISH + " hmm" * 200, False),
        ("\n".join(f"{i} * {i} = {i * i}" for i in range(30)), True),
        ("word" * 3, True),
    ],
)
def test_repetition(text: str, right: bool):
    assert REPETITION("no loops", text).correct is right


def test_the_share_of_repetition_may_be_declared():
    text = " ".join(f"we add {i} and then we go on to" for i in range(8)) + " and we stop"
    assert REPETITION({"maximum": 0.6}, text).correct is True
    assert REPETITION({"maximum": 0.1}, text).correct is False
    for gold in ({"maximum": 0}, {"maximum": 1}, {"maximum": True}, 0.5, []):
        assert REPETITION(gold, text).status is Status.BAD_GOLD


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ({"max_words": 3}, "one two three", True),
        ({"max_words": 3}, "one two three four", False),
        ({"min_words": 2}, "one", False),
        ({"max_words": 4}, "四个字符", True),
        ({"max_characters": 5}, "  12345\n", True),
        ({"max_characters": 4}, "12345", False),
        ({"min_characters": 2, "max_words": 2}, "a b", True),
        ({"max_words": 1}, "one<|im_end|> two", True),
    ],
)
def test_length(gold: object, text: str, right: bool):
    assert LENGTH(gold, text).correct is right


@pytest.mark.parametrize(
    "gold",
    [{}, {"max_words": -1}, {"max_words": "3"}, {"words": 3}, 3, {"min_words": 3, "max_words": 2}],
)
def test_bounds_that_are_none(gold: object):
    assert LENGTH(gold, "a").status is Status.BAD_GOLD


def test_the_thinking_of_a_completion():
    assert thinking("<think>a</think>b") == "a"
    assert thinking("<think>a") == "a"
    assert thinking("b<|im_end|>c") == "b"
