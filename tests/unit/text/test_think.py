r"""The parser: which completions are well-formed, and which answer can be read from them."""

import sys
from types import FrameType
from typing import Any

import pytest

from cogitate.text.think import (
    TURN_ENDS,
    ParseMode,
    boxed_contents,
    cut_at_turn_end,
    has_visible_text,
    parse,
    parse_plain,
    split_think,
    tag_fraction,
)

WELL_FORMED = "<think>6 * 7 is 42</think> <answer>42</answer>"


class TestStrictTags:
    @pytest.mark.parametrize(
        "text",
        [
            WELL_FORMED,
            " <think> 6 * 7 is 42 </think> <answer> 42 </answer>",
            "\n<think>\n6 * 7\n</think>\n<answer>\n42\n</answer>\n\n",
            "<think>六七四十二</think><answer>42</answer>",
            "<think>a < b > c & <b>bold</b></think><answer>42</answer>",
            "<think>a</think><answer>so \\boxed{42}.</answer>",
            WELL_FORMED + "<|im_end|>",
            WELL_FORMED + "<|im_end|>\n<|im_start|>user\nand 43?",
        ],
    )
    def test_well_formed(self, text: str):
        parsed = parse(text)
        assert parsed.problems == ()
        assert parsed.format_ok
        assert parsed.answer == "42"

    @pytest.mark.parametrize(
        ("text", "answer", "problem"),
        [
            # what is missing
            ("42", None, "no <think>, expected one"),
            ("", None, "no <answer>"),
            ("<answer>42</answer>", "42", "no <think>, expected one"),
            ("<think>6 * 7</think> 42", None, "no <answer> after </think>"),
            ("<think>6 * 7", None, "no </think>, expected one"),
            ("6 * 7</think><answer>42</answer>", "42", "no <think>, expected one"),
            ("<think>6 * 7</think><answer>42", None, "no <answer> after </think>"),
            # what is empty
            ("<think></think><answer>42</answer>", "42", "nothing between <think> and </think>"),
            ("<think> \n </think><answer>42</answer>", "42", "nothing between"),
            ("<think>...</think><answer>42</answer>", "42", "nothing between"),
            ("<think>\u200b\u2060</think><answer>42</answer>", "42", "nothing between"),
            ("<think>a</think><answer></answer>", None, "empty answer"),
            ("<think>a</think><answer> \u200b\n</answer>", None, "empty answer"),
            ("<think>a</think><answer>\\boxed{}</answer>", None, "empty answer"),
            # what is too much
            ("Sure! " + WELL_FORMED, "42", "text before the first tag"),
            ("```xml\n" + WELL_FORMED + "\n```", "42", "text before the first tag"),
            (WELL_FORMED + " Thanks!", "42", "text after the last tag"),
            (
                "<think>a</think> So: <answer>42</answer>",
                "42",
                "text between </think> and <answer>",
            ),
            ("<think>a</think><think>b</think><answer>42</answer>", "42", "2 <think>"),
            ("<think>a <think> b</think><answer>42</answer>", "42", "2 <think>"),
            ("<think>a</think></think><answer>42</answer>", "42", "2 </think>"),
            ("<think>a</think><answer>42</answer></answer>", "42", "tags repeated or out of order"),
            ("<think>a</think><answer><answer>42</answer>", "42", "tags repeated or out of order"),
            (
                "<think>maybe <answer>41</answer></think><answer>42</answer>",
                "42",
                "tags repeated or out of order",
            ),
            (WELL_FORMED * 2, "42", "2 <think>"),
            # several answers are none
            ("<think>a</think><answer>41</answer><answer>42</answer>", None, "2 <answer>"),
            ("<think>a</think>" + "<answer>42</answer>" * 20, None, "20 <answer>"),
            (
                "<think>a</think><answer>\\boxed{41} or \\boxed{42}</answer>",
                None,
                "2 boxes with different contents",
            ),
            # the wrong order
            ("<answer>42</answer><think>a</think>", None, "no <answer> after </think>"),
            ("</think>a<think><answer>42</answer>", None, "nothing between"),
            # tags that are none
            ("<THINK>a</THINK><ANSWER>42</ANSWER>", None, "no <think>"),
            ("<think>a</th\u0456nk><answer>42</answer>", None, "no </think>"),
            ("<think>a</thi\u200bnk><answer>42</answer>", None, "no </think>"),
            ("< think >a</ think><answer>42</answer>", "42", "no <think>"),
        ],
    )
    def test_malformed(self, text: str, answer: str | None, problem: str):
        parsed = parse(text)
        assert not parsed.format_ok
        assert any(problem in found for found in parsed.problems), parsed.problems
        assert parsed.answer == answer

    @pytest.mark.parametrize(
        "text",
        [
            "<think>the answer is <answer>42</answer>",
            "<think>the answer is <answer>42</answer></think>",
            "<think>so \\boxed{42}</think>",
            "<think>a</think> and <think><answer>42</answer>",
            "<think>a</think><think>so <answer>42</answer></think>",
        ],
    )
    @pytest.mark.parametrize("mode", ["strict", "lenient"])
    def test_an_answer_inside_the_thinking_is_no_answer(self, text: str, mode: ParseMode):
        parsed = parse(text, mode=mode)
        assert parsed.answer is None
        assert not parsed.format_ok

    def test_thinking_is_returned_without_outer_blanks(self):
        assert parse(WELL_FORMED).think == "6 * 7 is 42"
        assert parse("<think>still going").think == "still going"
        assert parse("<answer>42</answer>").think is None

    def test_the_box_inside_the_answer_wins(self):
        parsed = parse("<think>a</think><answer>It is \\boxed{\\frac{1}{2}} of it.</answer>")
        assert parsed.answer == "\\frac{1}{2}"

    def test_the_same_value_boxed_twice_is_one_answer(self):
        text = "<think>a</think><answer>\\boxed{42}, that is \\boxed{ 42 }</answer>"
        assert parse(text).answer == "42"

    def test_a_box_in_the_thinking_does_not_disturb_the_answer(self):
        text = "<think>first \\boxed{41}</think><answer>\\boxed{42}</answer>"
        assert parse(text).answer == "42"
        assert parse(text).format_ok


class TestPrefilled:
    def test_the_completion_starts_inside_the_thinking(self):
        parsed = parse(" 6 * 7</think><answer>42</answer>", prefilled=True)
        assert (parsed.think, parsed.answer, parsed.format_ok) == ("6 * 7", "42", True)

    def test_a_second_opening_tag_is_one_too_many(self):
        parsed = parse(WELL_FORMED, prefilled=True)
        assert parsed.problems == ("2 <think>, expected one",)
        assert parsed.answer == "42"

    def test_never_closed(self):
        parsed = parse("42", prefilled=True)
        assert (parsed.think, parsed.answer, parsed.format_ok) == ("42", None, False)

    def test_an_empty_rest_of_thinking(self):
        assert not parse("\n</think><answer>42</answer>", prefilled=True).format_ok


class TestTruncated:
    def test_cut_inside_the_thinking(self):
        parsed = parse("<think>6 * 7 is <answer>4", truncated=True)
        assert (parsed.answer, parsed.format_ok) == (None, False)

    def test_cut_inside_the_answer(self):
        assert parse("<think>a</think><answer>4", truncated=True).answer is None
        assert parse("<think>a</think><answer>4", truncated=True, mode="lenient").answer is None

    def test_cut_after_the_answer_is_complete(self):
        assert parse(WELL_FORMED + "\n\n", truncated=True).format_ok
        assert not parse(WELL_FORMED + " And", truncated=True).format_ok

    def test_text_after_thinking_may_be_half_a_number(self):
        cut = parse("<think>a</think>It is 4", style="remainder", truncated=True)
        assert (cut.answer, cut.format_ok) == ("It is 4", False)
        assert "truncated before it ended" in cut.problems
        lenient = parse(
            "<think>a</think>It is 4", style="remainder", truncated=True, mode="lenient"
        )
        assert not lenient.format_ok

    def test_a_closed_box_is_complete(self):
        assert parse("<think>a</think>\\boxed{42}. I", style="boxed", truncated=True).format_ok


class TestLenient:
    @pytest.mark.parametrize(
        "text",
        [
            WELL_FORMED,
            "Sure! " + WELL_FORMED + " Bye.",
            "<think>a</think> So: <answer>42</answer>",
            "6 * 7</think><answer>42</answer>",
            "<think>a</think><think>b</think><answer>42</answer>",
            "<think>a</think><answer>42",
            "<think>a</think> 42",
            "<think>a</think> It is \\boxed{42}.",
        ],
    )
    def test_reads_what_is_clear_enough(self, text: str):
        parsed = parse(text, mode="lenient")
        assert (parsed.answer, parsed.format_ok) == ("42", True)

    @pytest.mark.parametrize(
        ("text", "answer"),
        [
            ("42", "42"),  # an answer, but no thinking
            ("<answer>42</answer>", "42"),
            ("<think></think><answer>42</answer>", "42"),
            ("<think>a</think><answer>41</answer><answer>42</answer>", None),
            ("<think>a</think>\\boxed{41}\\boxed{42}", None),
            ("<think>a</think>", None),
            ("<think>a", None),
        ],
    )
    def test_still_asks_for_thinking_and_one_answer(self, text: str, answer: str | None):
        parsed = parse(text, mode="lenient")
        assert (parsed.answer, parsed.format_ok) == (answer, False)

    def test_problems_are_listed_all_the_same(self):
        parsed = parse("Sure! " + WELL_FORMED, mode="lenient")
        assert parsed.format_ok
        assert parsed.problems == ("text before the first tag",)


class TestBoxedAndRemainder:
    @pytest.mark.parametrize(
        ("text", "answer", "ok"),
        [
            ("<think>a</think>\n\nIt is \\boxed{42}.", "42", True),
            ("It is \\boxed{42}.", "42", True),  # thinking in tags is optional here
            ("It is 42.", None, False),
            ("<think>\\boxed{42}</think>It is 42.", None, False),
            ("<think>\\boxed{41}</think>\\boxed{42}", "42", True),
            ("\\boxed{41} \\boxed{42}", None, False),
            ("\\boxed{42", None, False),
            ("<think>\\boxed{42}", None, False),
        ],
    )
    def test_boxed(self, text: str, answer: str | None, ok: bool):
        parsed = parse(text, style="boxed")
        assert (parsed.answer, parsed.format_ok) == (answer, ok)

    @pytest.mark.parametrize(
        ("text", "answer", "ok"),
        [
            ("42", "42", True),
            ("<think>a</think>\n\n42\n", "42", True),
            ("<think>a</think>It is \\boxed{42}.", "42", True),
            ("<think>a</think>", None, False),
            ("<think></think>42", "42", False),
            ("a</think>42", "42", False),
            ("<think>a</think><think>b</think>42", "42", False),
            ("", None, False),
        ],
    )
    def test_remainder(self, text: str, answer: str | None, ok: bool):
        parsed = parse(text, style="remainder")
        assert (parsed.answer, parsed.format_ok) == (answer, ok)

    def test_a_prefilled_chat_prompt(self):
        parsed = parse("a\n</think>\n\n42", style="remainder", prefilled=True)
        assert (parsed.think, parsed.answer, parsed.format_ok) == ("a", "42", True)


class TestPlain:
    @pytest.mark.parametrize(
        ("text", "answer"),
        [(" 42", "42"), (" 42\n", "42"), ("42\nQ: next", "42"), ("It is 42.", "It is 42.")],
    )
    def test_one_line(self, text: str, answer: str):
        parsed = parse_plain(text, stop="\n")
        assert (parsed.think, parsed.answer, parsed.format_ok) == ("", answer, True)

    @pytest.mark.parametrize("text", ["", "  ", "\n42", "\u200b", "<|im_end|>42"])
    def test_empty(self, text: str):
        parsed = parse_plain(text, stop="\n")
        assert (parsed.answer, parsed.problems) == (None, ("empty answer",))

    def test_truncated_has_an_answer_in_a_bad_format(self):
        parsed = parse_plain(" 42 and", truncated=True)
        assert (parsed.answer, parsed.format_ok) == ("42 and", False)
        assert parsed.problems == ("truncated before it ended",)


class TestTurnEnds:
    @pytest.mark.parametrize("end", TURN_ENDS)
    def test_everything_from_there_on_is_not_the_completion(self, end: str):
        assert cut_at_turn_end(f"a{end}b") == "a"
        assert parse(f"{WELL_FORMED}{end}<answer>43</answer>").format_ok
        assert parse(f"<think>a</think>{end}<answer>42</answer>").answer is None

    def test_the_first_one_counts(self):
        assert cut_at_turn_end("a</s>b<|im_end|>c") == "a"

    def test_other_angle_brackets_do_not(self):
        assert cut_at_turn_end("a < b </b> <|x|>") == "a < b </b> <|x|>"


class TestSplitThink:
    @pytest.mark.parametrize(
        ("text", "prefilled", "think", "rest"),
        [
            ("<think>a</think>b", False, "a", "b"),
            ("a</think>b", True, "a", "b"),
            ("a</think>b", False, "a", "b"),
            ("<think>a</think>b</think>c", False, "a", "c"),
            ("<think>a", False, "a", None),
            ("b", False, None, "b"),
            ("", True, "", None),
            ("<think>a</think>b<think>c", False, "a", None),
        ],
    )
    def test_cases(self, text: str, prefilled: bool, think: str | None, rest: str | None):
        assert split_think(text, prefilled=prefilled) == (think, rest)


class TestBoxes:
    @pytest.mark.parametrize(
        ("text", "boxes"),
        [
            (r"\boxed{42}", ["42"]),
            (r"$\boxed{ \frac{1}{2} }$", [r"\frac{1}{2}"]),
            (r"\boxed{\{1, 2\}}", [r"\{1, 2\}"]),
            (r"\boxed{a} then \fbox{b}", ["a", "b"]),
            (r"\boxed{\boxed{5}}", ["5"]),
            (r"\boxed{ \boxed{\fbox{5}} }", ["5"]),
            (r"\boxed{x = \boxed{5}}", [r"x = \boxed{5}"]),
            (r"\boxed 42 apples", ["42"]),
            (r"\boxed {42}", ["42"]),
            (r"\boxed{}", [""]),
            (r"\boxed{4}2", ["4"]),
            (r"\boxed{1\\2}", [r"1\\2"]),
            ("\\boxed{a\nb}", ["a\nb"]),
            (r"\boxed{42", []),
            (r"\boxed", []),
            (r"boxed{42}", []),
            (r"\boxedness{42}", []),
            (r"\boxed{\{42}", [r"\{42"]),
            (r"\boxed{{42}", []),
            (r"} \boxed{42} {", ["42"]),
            (r"\boxed{1} \boxed{2", ["1"]),
            (r"\boxed{ {{42}} }", ["{{42}}"]),
            ("", []),
        ],
    )
    def test_cases(self, text: str, boxes: list[str]):
        assert boxed_contents(text) == boxes


class TestTagFraction:
    @pytest.mark.parametrize(
        ("text", "fraction"),
        [
            (WELL_FORMED, 1.0),
            ("", 0.0),
            ("<think>", 0.25),
            ("<think>a</think>", 0.5),
            ("<think>a</think><answer>", 0.75),
            ("<answer>42</answer>", 0.5),
            ("<think><think>a</think>", 0.25),  # repeated: that tag earns nothing
            ("</answer><answer></think><think>", 0.25),
            ("<think></think>" * 9, 0.0),
            (WELL_FORMED + "<|im_end|><think>", 1.0),
        ],
    )
    def test_cases(self, text: str, fraction: float):
        assert tag_fraction(text) == fraction

    def test_a_prefilled_tag_counts_as_written(self):
        assert tag_fraction("a</think>", prefilled=True) == 0.5
        assert tag_fraction("<think>a</think>", prefilled=True) == 0.25


@pytest.mark.parametrize(
    ("text", "visible"),
    [("a", True), (".", True), ("<", True), (" \n\t", False), ("\u200b\u202e", False), ("", False)],
)
def test_visible_text(text: str, visible: bool):
    assert has_visible_text(text) is visible


MILLION = 1_000_000
HOSTILE = {
    "open tags": "<think>",
    "close tags": "</think>",
    "answers": "<answer>x</answer>",
    "open answers": "<answer>",
    "boxes": "\\boxed{",
    "closed boxes": "\\boxed{1}",
    "nested ends": "}",
    "braces": "{",
    "backslashes": "\\",
    "half tags": "</thin",
    "half turn ends": "<|im_en",
    "bare boxes": "\\boxed ",
    "blanks": " ",
    "zero width": "\u200b",
    "letters": "a",
}


def count_lines(text: str) -> int:
    """Python lines that parsing executes: a clock that no other process can disturb."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        parse(text, style="boxed")
        parse(text)
        tag_fraction(text)
    finally:
        sys.settrace(previous)
    return lines


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_a_million_hostile_characters(unit: str):
    text = unit * (MILLION // len(unit))
    assert parse("<think>a</think><answer>" + text + "</answer>").think == "a"
    assert parse(text, style="boxed", mode="lenient").answer in (None, "1")


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_twice_the_text_takes_at_most_twice_the_steps(unit: str):
    repeats = 6000 // len(unit)
    once, twice = count_lines(unit * repeats), count_lines(unit * (2 * repeats))
    assert twice <= 2.2 * once + 200


@pytest.mark.parametrize("depth", [10, 100_000])
def test_deeply_nested_boxes(depth: int):
    assert boxed_contents("\\boxed{" * depth + "7" + "}" * depth) == ["7"]
    assert boxed_contents("\\boxed{" + "{" * depth + "7" + "}" * depth + "}") == [
        "{" * depth + "7" + "}" * depth
    ]
    assert boxed_contents("\\boxed{" + "{" * depth) == []


@pytest.mark.parametrize(
    ("text", "content"),
    [(r"\boxed{50\ }", "50"), (r"\boxed{x+1\ \ }", "x+1"), (r"\boxed{a \\ }", r"a \\")],
)
def test_a_blank_of_tex_at_the_end_of_a_box_is_no_stray_backslash(text: str, content: str):
    assert boxed_contents(text) == [content]
