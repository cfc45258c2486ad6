r"""Where the final answer of a text stands, when the kind does not say otherwise.

One order for all kinds: inside ``<answer>``, else inside ``\boxed{}``, else behind the one explicit
answer line ("**Answer:** 42", "The final answer is 42.", "答案：42"), else the whole text. Two
different answers of the same form are no answer.
"""

import re
from dataclasses import dataclass

from cogitate.text.think import (
    ANSWER_OPEN,
    boxed_contents,
    has_visible_text,
    parse,
    split_think,
)

MAX_LINE_START = 160
"""How far into a line the words before an answer may reach, characters."""

_MARKUP = " \t*_#>`~\u2022\u00b7-"
_LEAD = r"(?:(?:so|thus|therefore|hence|and|the|my|our|final|correct|right|best)[\s,:*_]{1,4}){0,5}"
_LINE = re.compile(
    rf"{_LEAD}(?:answer|choice|option)(?:[ ](?:choice|option|letter))?[ *_]{{0,4}}"
    r"(?:is[ ]?:|is\b|:|=|->|\u2192|\uff1a)[ *_:]{0,6}"
    r"|(?:(?:最终|正确|所以|因此|故)?的?(?:答案|正解|答え|答)(?:\s?[是为はが])?|정답은?|답은?)"
    r"[ *_]{0,4}[:\uff1a]?[ *_]{0,4}"
    r"|(?:la |die |le |il |o |a )?(?:antwort|lösung|réponse|reponse|respuesta|resposta|risposta|"
    r"ответ|cevap|jawaban|odpowiedź|svar|đáp án|उत्तर|الجواب|الإجابة)"
    r"(?:[ ](?:final|finale|correcte?|correcta|ist|est|es|é|è)){0,3}[ *_]{0,4}[:\uff1a][ *_]{0,6}",
    re.IGNORECASE,
)
_TRAILING = " \t*_`"
_MARKS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("`", "`"), ("**", "**"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The final answer, or why there is no single one (a word for counting)."""

    answer: str | None
    cause: str = ""


def final_answer(text: str) -> Final:
    r"""The one final answer of a text that has no thinking in it.

    >>> final_answer("6 * 7 is it.\n\n**Answer: 42**").answer
    '42'
    >>> final_answer(r"\boxed{1} or \boxed{2}")
    Final(answer=None, cause='hedged')
    """
    parsed = parse(text, mode="lenient")
    if parsed.answer is None:
        several = any("different" in p or "<answer>" in p for p in parsed.problems)
        return Final(answer=None, cause="hedged" if several else "no_answer")
    if ANSWER_OPEN in text or boxed_contents(text):
        return Final(answer=parsed.answer)
    lines = {" ".join(line.split()): line for line in answer_lines(text)}
    if len(lines) > 1:
        return Final(answer=None, cause="hedged")
    return Final(answer=next(iter(lines.values()), parsed.answer))


def answer_lines(text: str) -> list[str]:
    """What stands behind the words of each explicit answer line; empty ones are left out.

    >>> answer_lines("The answer is not clear, so:\\n> **Final answer:** `C`.")
    ['not clear, so:', 'C`.']
    """
    found = []
    for line in after_thinking(text).splitlines():
        line = line.strip(_MARKUP)
        match = _LINE.match(line[:MAX_LINE_START])
        if match is not None:
            rest = line[match.end() :].strip(_TRAILING)
            if has_visible_text(rest):
                found.append(rest)
    return found


def after_thinking(text: str) -> str:
    """What follows the last ``</think>``; nothing while the thinking is open."""
    return split_think(text)[1] or ""


def undress(answer: str) -> str:
    r"""An answer without one pair of maths, code or bold marks around all of it.

    >>> undress(r" \(3 + 4\) "), undress("$3$ + $4$")
    ('3 + 4', '$3$ + $4$')
    """
    answer = answer.strip()
    for start, end in _MARKS:
        inner = answer[len(start) : len(answer) - len(end)]
        if len(answer) > len(start + end) and answer == start + inner + end:
            return inner.strip() if start not in inner and end not in inner else answer
    return answer
