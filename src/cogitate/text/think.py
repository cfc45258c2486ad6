r"""The one parser for ``<think>``, ``<answer>`` and ``\boxed{}``; the only place that knows them.

Everything here is one pass over the text: no backtracking, no recursion, so a hostile completion
costs time proportional to its length.

Two verdicts that must not be confused: ``format_ok`` says whether the completion is written as it
should be, ``answer`` is what can be read out of it without guessing. A completion may have a
right answer in a bad format, but an answer that appears only inside the thinking is no answer,
and neither is a choice of several.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
ANSWER_OPEN, ANSWER_CLOSE = "<answer>", "</answer>"
TAGS = (THINK_OPEN, THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE)

# Texts that end an assistant turn or open another one. What follows is not the completion.
# U+FF5C and U+2581 are the bar and the low line of DeepSeek's control tokens.
TURN_ENDS = (
    "<|im_end|>",
    "<|im_start|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|begin_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|start_header_id|>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
    "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    "<\uff5cUser\uff5c>",
    "<\uff5cAssistant\uff5c>",
    "<|end\u2581of\u2581sentence|>",
    "<|User|>",
    "<|Assistant|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
    "<|end|>",
    "<|eos|>",
    "<|return|>",
    "<|start|>",
    "<end_of_turn>",
    "<start_of_turn>",
    "<eos>",
    "[INST]",
    "[/INST]",
    "</s>",
)

ParseMode = Literal["strict", "lenient"]
AnswerStyle = Literal["tags", "boxed", "remainder"]

_TAG = re.compile(r"</?(?:think|answer)>")
_TURN_END = re.compile("|".join(map(re.escape, TURN_ENDS)))
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BOX = re.compile(r"\\f?box(?:ed)?(?![A-Za-z])(?:\s*(?=\{)|[ \t]*)")
_BARE_BOX = re.compile(r"[^\s$\\{}]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a completion says.

    ``think`` is the thinking (None when there is no thinking section), ``answer`` the one final
    answer (None when there is none, or no single one). ``problems`` lists everything that a
    strict reader objects to, in words; in lenient mode ``format_ok`` may hold in spite of some.
    """

    think: str | None
    answer: str | None
    format_ok: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sections:
    """The thinking, and the span [start, end) where an answer may stand; None while thinking."""

    think: str | None
    rest: tuple[int, int] | None


def parse(
    text: str,
    *,
    style: AnswerStyle = "tags",
    prefilled: bool = False,
    truncated: bool = False,
    mode: ParseMode = "strict",
) -> Parsed:
    r"""Read thinking and final answer out of a completion.

    style "tags"       answer inside ``<answer>`` after ``</think>`` (R1-Zero); a ``\boxed{}``
                       inside it wins over the text around the box
    style "boxed"      answer inside ``\boxed{}`` after ``</think>``; thinking tags optional
    style "remainder"  the box if there is one, else all text after ``</think>``; tags optional

    strict:  whitespace, one ``<think>``, some words, one ``</think>``, and for "tags" whitespace,
             one ``<answer>``, an answer, one ``</answer>``, whitespace. Nothing else.
    lenient: a closed thinking section with words in it and a single answer after it; text around
             the tags is allowed, an absent ``<answer>`` falls back to style "remainder", and an
             ``<answer>`` that the end of the completion closes counts.

    ``prefilled`` says that the prompt already ended with ``<think>``; ``truncated`` that the
    completion was cut at the token limit. Text from a turn end on is ignored.

    Paper: DeepSeek-R1 (arXiv:2501.12948v1) section 2.2.2 asks for the tags; it does not publish
    the check. Rejecting repeated tags, empty thinking and surrounding text is ours.

    >>> parse("<think>6*7</think> <answer>42</answer>").answer
    '42'
    >>> parse("<think>so \\boxed{42}</think> I am done").problems
    ('no <answer> after </think>', 'text after the last tag')
    """
    text = cut_at_turn_end(text)
    tags = list(_TAG.finditer(text))
    sections = _sections(text, tags, prefilled)
    answer, reasons = _answer(text, tags, sections, style, truncated, mode)
    think_required = style == "tags"
    problems = _think_problems(text, tags, sections, prefilled, think_required)
    if style == "tags":
        problems += _layout_problems(text, tags, reasons)
    else:
        problems += reasons
    return Parsed(
        think=sections.think.strip() if sections.think is not None else None,
        answer=answer,
        format_ok=not (problems if mode == "strict" else _fatal(sections, reasons, think_required)),
        problems=tuple(problems),
    )


def parse_plain(text: str, *, stop: str | None = None, truncated: bool = False) -> Parsed:
    """A completion that is its answer: all of it, up to ``stop``, without surrounding blanks.

    Well-formed when it is not empty and ended by itself.
    """
    text = cut_at_turn_end(text)
    if stop is not None:
        text = text.split(stop, 1)[0]
    answer = text.strip()
    problems = []
    if not has_visible_text(answer):
        problems.append("empty answer")
    if truncated:
        problems.append("truncated before it ended")
    return Parsed(
        think="",
        answer=answer if has_visible_text(answer) else None,
        format_ok=not problems,
        problems=tuple(problems),
    )


def cut_at_turn_end(text: str) -> str:
    """``text`` up to the first mark that ends the assistant's turn or opens another.

    >>> cut_at_turn_end("42<|im_end|>\\n<|im_start|>user")
    '42'
    """
    match = _TURN_END.search(text)
    return text if match is None else text[: match.start()]


def split_think(text: str, *, prefilled: bool = False) -> tuple[str | None, str | None]:
    """(thinking, text after the last ``</think>``); the second is None while thinking is open.

    >>> split_think("<think>a</think>\\nb")
    ('a', '\\nb')
    >>> split_think("b"), split_think("a", prefilled=True)
    ((None, 'b'), ('a', None))
    """
    tags = list(_TAG.finditer(text))
    sections = _sections(text, tags, prefilled)
    return sections.think, None if sections.rest is None else text[slice(*sections.rest)]


def boxed_contents(text: str) -> list[str]:
    r"""Contents of the outermost ``\boxed{}`` and ``\fbox{}``, in order; boxes in boxes unwrap.

    Braces must balance (``\{`` and ``\}`` are characters); a box that never closes is no box.
    ``\boxed 5`` is read as the word that follows.

    >>> boxed_contents(r"\boxed{\frac{1}{2}} and \boxed 7 and \boxed{8")
    ['\\frac{1}{2}', '7']
    """
    spans = _box_spans(text)
    contents = ((_strip(text[start:end]), start, end) for start, end in _outermost(spans))
    return [
        _unwrap(text, start, end, spans) if content.startswith("\\") else content
        for content, start, end in contents
    ]


def tag_fraction(text: str, *, prefilled: bool = False) -> float:
    """0.25 for each of the four tags that occurs exactly once and in its place.

    Graded format reward in the manner of open-r1's tag count; unlike it, a tag only counts after
    the tags before it, so a bag of tags in the wrong order earns little.

    >>> tag_fraction("<think>a</think><answer>b"), tag_fraction("</answer></think>")
    (0.75, 0.25)
    """
    text = cut_at_turn_end(THINK_OPEN + text if prefilled else text)
    seen = [match.group() for match in _TAG.finditer(text)]
    score, position = 0.0, -1
    for tag in TAGS:
        if seen.count(tag) == 1 and seen.index(tag) > position:
            score, position = score + 0.25, seen.index(tag)
    return score


def has_visible_text(text: str) -> bool:
    """Whether any character is neither blank nor invisible (zero width, control, direction)."""
    return any(not c.isspace() and unicodedata.category(c) not in ("Cf", "Cc") for c in text)


def _sections(text: str, tags: list[re.Match[str]], prefilled: bool) -> _Sections:
    opens = [tag for tag in tags if tag.group() == THINK_OPEN]
    closes = [tag for tag in tags if tag.group() == THINK_CLOSE]
    if not prefilled and not opens and not closes:
        return _Sections(None, (0, len(text)))
    # A close without an open happens when the prompt held the open tag and nobody said so.
    implicit = prefilled or not opens or bool(closes and closes[0].start() < opens[0].start())
    start = 0 if implicit else opens[0].end()
    if not closes:
        return _Sections(text[start:], None)
    think, last = text[start : closes[0].start()], closes[-1].end()
    still_thinking = bool(opens) and opens[-1].start() >= last
    return _Sections(think, None if still_thinking else (last, len(text)))


def _answer(
    text: str,
    tags: list[re.Match[str]],
    sections: _Sections,
    style: AnswerStyle,
    truncated: bool,
    mode: ParseMode,
) -> tuple[str | None, list[str]]:
    """The single final answer, and why there is none."""
    if sections.rest is None:
        return None, ["no answer outside the thinking"]
    start, end = sections.rest
    if style != "tags":
        return _untagged_answer(text[start:end], style == "boxed", truncated)
    blocks, unclosed = _answer_blocks(text, [t for t in tags if start <= t.start() < end])
    if mode == "lenient" and not blocks and unclosed is not None and not truncated:
        blocks = [text[unclosed:end]]
    elif mode == "lenient" and not blocks and unclosed is None:
        return _untagged_answer(text[start:end], False, truncated)
    if len(blocks) != 1:
        where = "" if sections.think is None else " after </think>"
        return None, [f"{len(blocks) or 'no'} <answer>{where}"]
    return _single_answer(blocks[0], boxed_contents(blocks[0]))


def _answer_blocks(text: str, tags: list[re.Match[str]]) -> tuple[list[str], int | None]:
    """Contents of ``<answer>...</answer>``, and where an unclosed one begins."""
    blocks: list[str] = []
    opened: int | None = None
    for tag in tags:
        if tag.group() == ANSWER_OPEN:
            if opened is not None and has_visible_text(text[opened : tag.start()]):
                # An answer that begins inside another is a second one.
                blocks.append(text[opened : tag.start()])
            opened = tag.end()
        elif tag.group() == ANSWER_CLOSE and opened is not None:
            blocks.append(text[opened : tag.start()])
            opened = None
    return blocks, opened


def _single_answer(content: str, boxes: list[str]) -> tuple[str | None, list[str]]:
    """The one value of a piece of text: its only distinct box, or all of it."""
    if len({"".join(box.split()) for box in boxes}) > 1:
        return None, [f"{len(boxes)} boxes with different contents"]
    answer = (boxes[-1] if boxes else content).strip()
    return (answer, []) if has_visible_text(answer) else (None, ["empty answer"])


def _untagged_answer(rest: str, require_box: bool, truncated: bool) -> tuple[str | None, list[str]]:
    boxes = boxed_contents(rest)
    if require_box and not boxes:
        return None, ["no \\boxed{} outside the thinking"]
    answer, reasons = _single_answer(rest, boxes)
    if truncated and not boxes:
        reasons = [*reasons, "truncated before it ended"]
    return answer, reasons


def _think_problems(
    text: str, tags: list[re.Match[str]], sections: _Sections, prefilled: bool, required: bool
) -> list[str]:
    num_open = sum(tag.group() == THINK_OPEN for tag in tags) + prefilled
    num_close = sum(tag.group() == THINK_CLOSE for tag in tags)
    if not required and not num_open and not num_close:
        return []
    problems = []
    if num_open != 1:
        problems.append(f"{num_open or 'no'} <think>, expected one")
    if num_close != 1:
        problems.append(f"{num_close or 'no'} </think>, expected one")
    if sections.think is not None and not any(map(str.isalnum, sections.think)):
        problems.append("nothing between <think> and </think>")
    if not prefilled and tags and text[: tags[0].start()].strip():
        problems.append("text before the first tag")
    return problems


def _layout_problems(text: str, tags: list[re.Match[str]], answer_reasons: list[str]) -> list[str]:
    """Objections to the answer part of the strict R1-Zero layout."""
    problems = list(answer_reasons)
    order = [tag.group() for tag in tags if tag.group() != THINK_OPEN]
    if not answer_reasons and order != [THINK_CLOSE, ANSWER_OPEN, ANSWER_CLOSE]:
        problems.append("tags repeated or out of order")
    for left, right in pairwise(tags):
        between = (left.group(), right.group()) == (THINK_CLOSE, ANSWER_OPEN)
        if between and text[left.end() : right.start()].strip():
            problems.append("text between </think> and <answer>")
    if tags and tags[-1].group() in (THINK_CLOSE, ANSWER_CLOSE) and text[tags[-1].end() :].strip():
        problems.append("text after the last tag")
    return problems


def _fatal(sections: _Sections, answer_reasons: list[str], think_required: bool) -> bool:
    """Whether even a lenient reader objects: no single answer, or no words in the thinking."""
    if sections.think is None:
        return think_required or bool(answer_reasons)
    return bool(answer_reasons) or not any(map(str.isalnum, sections.think))


def _strip(content: str) -> str:
    r"""Without blanks at the ends, TeX's ``\ `` among them.

    >>> _strip(" 50\\ "), _strip("a \\\\")
    ('50', 'a \\\\')
    """
    content = content.strip()
    while (len(content) - len(content.rstrip("\\"))) % 2:
        content = content[:-1].rstrip()
    return content


def _box_spans(text: str) -> dict[int, tuple[int, int]]:
    """Start of every box -> span of its contents. Braces are matched once, for all boxes."""
    matches = list(_BOX.finditer(text))
    if not matches:
        return {}
    closing: dict[int, int] = {}
    stack: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace.group() == "{":
            stack.append(brace.start())
        elif brace.group() == "}" and stack:
            closing[stack.pop()] = brace.start()
    spans: dict[int, tuple[int, int]] = {}
    for match in matches:
        if match.end() in closing:
            spans[match.start()] = (match.end() + 1, closing[match.end()])
        elif bare := _BARE_BOX.match(text, match.end()):
            spans[match.start()] = bare.span()
    return spans


def _outermost(spans: dict[int, tuple[int, int]]) -> list[tuple[int, int]]:
    outer: list[tuple[int, int]] = []
    for start in sorted(spans):
        if not outer or start >= outer[-1][1]:
            outer.append(spans[start])
    return outer


def _unwrap(text: str, start: int, end: int, spans: dict[int, tuple[int, int]]) -> str:
    r"""Contents of a box, inside any boxes that it consists of: \boxed{\boxed{5}} is 5."""
    while True:
        while start < end and text[start].isspace():
            start += 1
        inner = spans.get(start)
        if inner is None or text[inner[1] : end].removeprefix("}").strip():
            return _strip(text[start:end])
        start, end = inner
