"""Whatever text there is: nothing raises, nothing is injected, what is written is read back."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cogitate.errors import DataError
from cogitate.schema import Message, Problem
from cogitate.testing import BYTE_TURN_END, BYTE_TURN_START, byte_chat, byte_tokenizer
from cogitate.text.jinja import JinjaTemplate
from cogitate.text.templates import TEMPLATES
from cogitate.text.think import (
    TAGS,
    TURN_ENDS,
    AnswerStyle,
    boxed_contents,
    cut_at_turn_end,
    parse,
    split_think,
    tag_fraction,
)

TOKENIZER = byte_tokenizer()
CHATS = {name: byte_chat(name) for name in TEMPLATES}
BITS = (
    *TAGS,
    *TURN_ENDS,
    "\\boxed{",
    "\\fbox{",
    "\\boxed 7",
    "\\boxed{42}",
    "{",
    "}",
    "\\{",
    "\\",
    "42",
    "a",
    " ",
    "\n",
    "<",
    ">",
    "</think",
    "<|im_end",
    "|>",
    "\u200b",
    "\ue000",
    "0",
    "日",
)
soup = st.lists(st.sampled_from(BITS), max_size=24).map("".join) | st.text(max_size=60)
words = st.text(
    st.characters(
        codec="utf-8", exclude_characters="<>\\{}\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    ),
    max_size=30,
).filter(lambda text: any(map(str.isalnum, text)) and "[INST]" not in text)
STYLES = ("tags", "boxed", "remainder")


@settings(max_examples=300)
@given(text=soup, prefilled=st.booleans(), truncated=st.booleans(), style=st.sampled_from(STYLES))
@example(text="<think>a</think><answer>42</answer>", prefilled=False, truncated=False, style="tags")
def test_parsing_anything(text: str, prefilled: bool, truncated: bool, style: AnswerStyle):
    strict = parse(text, style=style, prefilled=prefilled, truncated=truncated)
    lenient = parse(text, style=style, prefilled=prefilled, truncated=truncated, mode="lenient")
    visible = cut_at_turn_end(text)
    for parsed in (strict, lenient):
        if parsed.format_ok:
            assert parsed.answer
        if parsed.answer is not None:
            assert parsed.answer == parsed.answer.strip()
            assert parsed.answer in visible
        if parsed.think is not None:
            assert parsed.think in visible
    assert strict.format_ok == (not strict.problems)
    assert not strict.format_ok or lenient.format_ok
    assert strict.answer is None or lenient.answer == strict.answer
    assert strict.problems == lenient.problems or style == "tags"


@settings(max_examples=300)
@given(text=soup, prefilled=st.booleans())
def test_strict_is_exactly_one_of_each_tag_in_order(text: str, prefilled: bool):
    whole = ("<think>" if prefilled else "") + cut_at_turn_end(text)
    layout = re.fullmatch(
        r"\s*<think>(?P<think>.*)</think>\s*<answer>(?P<answer>.*)</answer>\s*", whole, re.DOTALL
    )
    well_laid = layout is not None and all(whole.count(tag) == 1 for tag in TAGS)
    parsed = parse(text, prefilled=prefilled)
    if parsed.format_ok:
        assert well_laid
    elif well_laid and layout is not None:
        no_words = not any(map(str.isalnum, layout["think"]))
        assert no_words or parsed.answer is None


@given(text=soup, suffix=soup, end=st.sampled_from(TURN_ENDS))
def test_nothing_after_a_turn_end_matters(text: str, suffix: str, end: str):
    assert parse(text + end + suffix) == parse(text + end)
    assert tag_fraction(text + end + suffix) == tag_fraction(text + end)


@given(text=soup, prefilled=st.booleans())
def test_thinking_and_rest_are_parts_of_the_text(text: str, prefilled: bool):
    think, rest = split_think(text, prefilled=prefilled)
    assert (think or "") in text
    assert rest is None or text.endswith(rest)
    assert "</think>" not in (think or "") + (rest or "")
    assert 4 * tag_fraction(text, prefilled=prefilled) in (0, 1, 2, 3, 4)


@given(before=words, inside=words, after=words)
def test_a_box_is_found_wherever_it_stands(before: str, inside: str, after: str):
    text = f"{before}\\boxed{{{inside}}}{after}"
    assert boxed_contents(text) == [inside.strip()]
    assert boxed_contents(f"\\boxed{{{text}}}")[0] in (text.strip(), inside.strip())


@settings(max_examples=200)
@given(think=words, answer=words, name=st.sampled_from(sorted(TEMPLATES)))
def test_every_solution_reads_back(think: str, answer: str, name: str):
    chat = CHATS[name]
    problem = Problem(
        id="t", task="t", messages=(Message(role="user", content="q"),), answer=answer
    )
    _, completion_ids = chat.render_solution(problem, think, answer)
    text = chat.decode(completion_ids)
    parsed = chat.template.parse(text, False)
    assert parsed.format_ok
    assert parsed.answer == answer.strip()
    if name != "qa" and name != "boxed":
        assert parsed.think == think.strip()


@settings(max_examples=200)
@given(question=soup, name=st.sampled_from(["chat", "chat_boxed", "qa", "r1_zero", "boxed"]))
def test_no_question_injects_a_control_token(question: str, name: str):
    chat = CHATS[name]
    problem = Problem(
        id="t", task="t", messages=(Message(role="user", content=question),), answer=None
    )
    prompt = chat.render_prompt(problem)
    control = [token for token in prompt.token_ids if token > 255]
    scaffold = [BYTE_TURN_START, BYTE_TURN_END, BYTE_TURN_START]
    assert control == (scaffold if name.startswith("chat") else [])
    assert chat.decode(prompt.token_ids) == prompt.text
    assert question in prompt.text


@given(text=st.text(max_size=80))
def test_plain_text_survives_encoding(text: str):
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    assert ids == list(text.encode())
    assert TOKENIZER.encode_segments([(text[:3], False), (text[3:], False)]) == ids


@settings(max_examples=100)
@given(source=st.text(st.sampled_from("{}%# abc123'\"|.()[]+-*/~\n"), max_size=60))
def test_any_template_renders_or_says_why_not(source: str):
    try:
        text = JinjaTemplate(source).render([], add_generation_prompt=True)
    except DataError as error:
        assert str(error)
    else:
        assert len(text) <= 4 * 1024 * 1024
