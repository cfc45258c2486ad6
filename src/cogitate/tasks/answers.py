"""Gold answers of data sets: where they stand, what kind they are, when an answer equals one.

One declared rule per kind, so that an answer cannot be right in one of two formats:

    number  the last number of the answer text equals the gold number as an exact rational
    text    the answer text equals the gold text after ``normalise_text``
    choice  the gold letter is the one option that the answer text states (verifiers/rules)
    math    the answer is mathematically equal to the gold answer (verifiers/maths)
    code    the program in the answer passes the gold tests, in a sandbox (verifiers/programs)
    others  the rule of that name (verifiers/rules), with the gold answer as JSON where it has parts
"""

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

from cogitate.sandbox.program import Limits
from cogitate.tasks.code_columns import code_tests
from cogitate.verdict import Verdict, bad_gold, correct, wrong
from cogitate.verifiers.exact import last_number, parse_number
from cogitate.verifiers.rules.choice import chosen_options
from cogitate.verifiers.rules.text_match import normalise_text

Kind = Literal[
    "number", "text", "choice", "none", "math", "code", "exact_text", "matrix_text",
    "code_output", "logic", "instructions", "json_schema", "tool_call",
]  # fmt: skip
ELSEWHERE: tuple[Kind, ...] = ("math", "code")
"""Kinds whose verifiers wait for other processes."""
RULE_KINDS: tuple[Kind, ...] = ("exact_text", "matrix_text", "code_output")
"""Kinds with a rule of their own in verifiers/rules and a gold answer that is text."""
STRUCTURED: tuple[Kind, ...] = ("code", "logic", "instructions", "json_schema", "tool_call")
"""Kinds whose gold answers have parts and stand there as JSON."""
MAX_TEXT_ANSWER = 200
"""Longest gold answer that is compared as text, characters. A longer one is prose."""
MAX_ANSWER_CHARS = 8192
"""Only the end of a longer answer text is looked at, characters."""
OPTION_LETTERS = "ABCDEFGHIJ"

_GSM8K_MARK = "####"
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_DEGREES = re.compile(r"\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})")
_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_ONE_LETTER = re.compile(r"\(?([A-Ja-j])\)?[.:]?")
_FORMULA = re.compile(r"\\[A-Za-z]|[_^=<>{}/+*]")
_WORD = re.compile(r"[^\W\d_]{2}")
_LISTED_OPTION = re.compile(r"^\s*\(?([A-J])[).:]", re.MULTILINE)


class GoldError(ValueError):
    """A gold answer cannot be used; the message says why."""


def extract_gold(text: str) -> str:
    """The gold answer inside a worked solution: after ``####``, else the last box, else all.

    >>> extract_gold("48 / 2 = 24 #### 1,024"), extract_gold(r"so $\\boxed{\\frac{1}{2}}$")
    ('1,024', '\\\\frac{1}{2}')
    """
    if _GSM8K_MARK in text:
        return text.rpartition(_GSM8K_MARK)[2].strip()
    boxed = last_boxed(text)
    return (text if boxed is None else boxed).strip()


def is_structured(gold: str) -> bool:
    """Whether a gold answer has parts: a JSON object, or a list of objects or of test lines."""
    return gold.lstrip().startswith(('{"', "[{", '["assert'))


def worked_solution(text: str) -> str:
    """The working of a GSM8K answer without its last line and its ``<<48/2=24>>`` notes."""
    return _CALCULATOR.sub("", text.partition(_GSM8K_MARK)[0]).strip()


def last_boxed(text: str) -> str | None:
    r"""The content of the last ``\boxed{...}`` with balanced braces, or None."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if start < 0:
        return None
    opening = text.index("{", start)
    depth = 0
    for position in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[opening + 1 : position]
    return None


def decide_kind(gold: str, declared: str, question: str) -> Kind:
    """The kind of this gold answer under the declared kind.

    ``auto``: a letter is a choice if the question lists that option, a number is a number, tests
    are code, what is written as mathematics is math, and anything else short enough is text.

    Raises:
        GoldError: it is not of the declared kind, or not usable at all.
    """
    if declared == "auto" and is_structured(gold):
        try:
            return _rule_kind("code", gold)
        except GoldError as error:
            raise GoldError("it has parts that are no tests; declare its answer_kind") from error
    if declared == "auto":
        if _is_option(gold) and _letter(gold) in _LISTED_OPTION.findall(question):
            return "choice"
        if gold_number(gold) is not None:
            return "number"
    if declared == "math" or (declared == "auto" and _is_formula(gold)):
        from cogitate.verifiers.maths import check_gold

        fault = check_gold(gold)
        if fault is None:
            return "math"
        if declared == "math":
            raise GoldError(fault)
    if declared in (*RULE_KINDS, *STRUCTURED):
        return _rule_kind(declared, gold)
    if declared == "number":
        if gold_number(gold) is None:
            raise GoldError("not a number")
        return "number"
    if declared == "choice":
        if not _is_option(gold):
            raise GoldError(f"not one option letter of {OPTION_LETTERS[0]}..{OPTION_LETTERS[-1]}")
        return "choice"
    if not normalise_text(gold):  # text, also where auto found nothing better
        raise GoldError("empty")
    if len(gold) > MAX_TEXT_ANSWER:
        raise GoldError(f"longer than {MAX_TEXT_ANSWER} characters, which no answer will equal")
    return "text"


def matches(kind: Kind, gold: str, answer: str, question: str) -> bool:
    """Whether an answer text equals the gold answer by the rule of its kind.

    Raises:
        GoldError: the gold answer is not of this kind.
    """
    answer = answer[-MAX_ANSWER_CHARS:]
    if kind == "choice":
        right = _letter(gold)
        listed = {*_LISTED_OPTION.findall(question)} or {*OPTION_LETTERS}
        letters = "".join(sorted(listed | {right}))
        return chosen_options(answer, letters=letters) == {right}
    if kind == "text":
        return normalise_text(answer) == normalise_text(gold)
    value = gold_number(gold)
    if value is None:
        raise GoldError("not a number")
    return last_number(_DEGREES.sub("", answer)) == value


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRules:
    """How programs are run and scored; see ``DatasetConfig``."""

    score: Literal["all", "fraction"] = "all"
    seconds: float = 10.0
    sandbox: str = "auto"


def verify_answer(
    kind: Kind, gold: str, answer: str, question: str, *, code: CodeRules | None = None
) -> Verdict:
    """The verdict on an answer text by the rule of its kind; a bad gold answer is BAD_GOLD."""
    if kind == "math":
        from cogitate.verifiers.maths import verify_maths

        return verify_maths(gold, answer, template="plain")
    if kind == "code":
        return _verify_program(gold, answer, code or CodeRules())
    if kind in (*RULE_KINDS, *STRUCTURED):
        from cogitate.verifiers.rules import RULES

        return RULES[kind](json.loads(gold) if kind in STRUCTURED else gold, answer)
    try:
        right = matches(kind, gold, answer, question)
    except GoldError as error:
        return bad_gold(gold=gold, engine=kind, cause="bad_gold", reason=str(error))
    make = correct if right else wrong
    return make(gold=gold, answer=answer[-MAX_ANSWER_CHARS:], engine=kind)


def _verify_program(gold: str, answer: str, rules: CodeRules) -> Verdict:
    from cogitate.verifiers.programs import verify_code
    from cogitate.verifiers.shared import shared_sandbox

    return verify_code(
        code_tests(json.loads(gold)),
        answer,
        sandbox=shared_sandbox(rules.sandbox),
        limits=Limits(cpu_seconds=rules.seconds, wall_seconds=3 * rules.seconds),
        score=rules.score,
    )


def gold_number(gold: str) -> Fraction | None:
    r"""The number a gold answer is, or None. A currency sign and degrees mean nothing.

    >>> gold_number(r"$-\dfrac{14}{3}$"), gold_number(r"\$18.00"), gold_number(r"90^\circ")
    (Fraction(-14, 3), Fraction(18, 1), Fraction(90, 1))
    """
    return parse_number(_DEGREES.sub("", gold), currency=True)


def _is_formula(gold: str) -> bool:
    """Whether a gold answer is written as mathematics rather than as words."""
    text = _WRAPPER.sub(r"\1", gold)
    written = _FORMULA.search(text) or (re.search(r"\d", text) and not _WORD.search(text))
    return len(gold) <= MAX_TEXT_ANSWER and bool(written)


def _rule_kind(declared: str, gold: str) -> Kind:
    """A kind with a rule of its own, if the rule can use this gold answer."""
    try:
        parts = json.loads(gold) if declared in STRUCTURED else gold
    except (ValueError, RecursionError) as error:
        raise GoldError(f"{declared} needs JSON: {error}") from error
    if declared == "code":
        from cogitate.verifiers.programs import check_code_gold

        fault = check_code_gold(code_tests(parts))
    else:
        from cogitate.verifiers.rules import check_gold

        fault = check_gold(declared, parts)
    if fault is not None:
        raise GoldError(fault)
    return cast(Kind, declared)


def _is_option(gold: str) -> bool:
    return _ONE_LETTER.fullmatch(_WRAPPER.sub(r"\1", gold).strip()) is not None


def _letter(gold: str) -> str:
    found = _ONE_LETTER.fullmatch(_WRAPPER.sub(r"\1", gold).strip())
    if found is None:
        raise GoldError("not an option letter")
    return found.group(1).upper()
