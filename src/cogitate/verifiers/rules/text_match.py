r"""Text against text: exactly, or after taking away what means nothing."""

import re
import unicodedata

from cogitate.text.think import has_visible_text
from cogitate.verdict import Verdict
from cogitate.verifiers.rules.final import final_answer, undress
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_mapping, gold_text, judged

MAX_COMPARED_CHARS = 8192
"""Only the end of a longer text is compared, characters."""

_DEGREES = re.compile(r"\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})")
_STYLING = re.compile(
    r"\\(?:left|right|displaystyle)(?![A-Za-z])|\\[!,;: ]|\\(?=\$|%)|(?<=\d)\{,\}(?=\d)"
)
_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")


def normalise_text(text: str) -> str:
    r"""Text for comparison: NFKC, one case, no LaTeX styling, no outer punctuation or space.

    >>> normalise_text(r" \text{Evelyn}. "), normalise_text(r"\left( 3, \dfrac{x}{2} \right)")
    ('evelyn', '(3,\\frac{x}{2})')
    """
    text = unicodedata.normalize("NFKC", text[-MAX_COMPARED_CHARS:])
    text = _DEGREES.sub("", _WRAPPER.sub(r"\1", text))
    text = _STYLING.sub(_plain_styling, text).replace("$", "")
    text = re.sub(r"\\[dtc]frac", r"\\frac", text)
    # Spaces matter between words only: "p - q" is "p-q", "New York" is not "NewYork".
    text = re.sub(r" ?([^\w ]) ?", r"\1", " ".join(text.split()))
    return text.strip(" .,;:\"'").casefold()


def _plain_styling(match: re.Match[str]) -> str:
    return "," if match.group() == "{,}" else ""


def read_texts(gold: object) -> tuple[str, ...]:
    """One text, or several that all count: a list, or ``{"answer": text or list}``."""
    if isinstance(gold, dict):
        gold = gold_mapping(gold, required=("answer",))["answer"]
    texts = tuple(gold_text(text) for text in (gold if isinstance(gold, list) else [gold]))
    if not texts:
        raise GoldError("empty list")
    if any(len(text) > MAX_COMPARED_CHARS for text in texts):
        raise GoldError(f"longer than {MAX_COMPARED_CHARS:,} characters, which is no answer")
    return texts


def read_normalised(gold: object) -> frozenset[str]:
    """The accepted texts, normalised; none may vanish by that."""
    texts = frozenset(normalise_text(text) for text in read_texts(gold))
    if not all(has_visible_text(text) for text in texts):
        raise GoldError("nothing but punctuation, which a comparison of words ignores")
    return texts


def judge_normalised(gold: frozenset[str], text: str) -> Verdict:
    """CORRECT if the one final answer is an accepted text after normalising both."""
    final = final_answer(text)
    if final.answer is None or len(final.answer) > MAX_COMPARED_CHARS:
        return judged(False, cause=final.cause or "too_long", reason="no single short answer")
    right = normalise_text(undress(final.answer)) in gold
    return judged(right, cause="other_text", reason="another text", answer=final.answer)


def judge_exact(gold: tuple[str, ...], text: str) -> Verdict:
    """CORRECT if the final answer is an accepted text, character by character; outer blanks and
    the form of line ends mean nothing."""
    final = final_answer(text)
    if final.answer is None:
        return judged(False, cause=final.cause, reason="no single answer")
    right = _lines(final.answer) in map(_lines, gold)
    return judged(right, cause="other_text", reason="another text", answer=final.answer)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


TEXT = Rule(kind="text", read_gold=read_normalised, judge=judge_normalised)
EXACT = Rule(kind="exact_text", read_gold=read_texts, judge=judge_exact)
