"""Whether a program wrote what was expected: whole outputs, in our process, by a declared rule.

tokens   the same words in the same order; blanks and line ends only separate them (the rule of
         most contests, and the default)
lines    the same lines; blanks at the end of a line and empty lines at the end do not count
exact    the same characters, apart from one line end at the end
float    as tokens, but two numbers may differ by ``absolute + relative * |expected|``
checker  the data set's own function decides, in a sandbox (see stdio.py)

A prefix of the expected output is never enough, nor is a superset of it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Rule = Literal["tokens", "lines", "exact", "float", "checker"]
RULES: tuple[Rule, ...] = ("tokens", "lines", "exact", "float", "checker")
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
MAX_NUMBER_CHARS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A rule; the tolerances are for "float", source and function for "checker"."""

    rule: Rule = "tokens"
    absolute: float = 1e-6
    relative: float = 1e-6
    source: str = ""
    function: str = "check"


def read_comparison(declared: Any) -> Comparison:
    """A comparison as a data set declares it: a rule's name, or a mapping with "rule".

    Raises:
        ValueError: it is none.
    """
    if declared is None:
        return Comparison()
    fields: Any = {"rule": declared} if isinstance(declared, str) else declared
    if not isinstance(fields, Mapping) or fields.get("rule") not in RULES:
        raise ValueError(f"comparison {declared!r:.80} is none of {', '.join(RULES)}")
    unknown = fields.keys() - {"rule", "absolute", "relative", "source", "function"}
    if unknown:
        raise ValueError(f"a comparison has no {', '.join(map(str, sorted(unknown)))}")
    tolerances = [fields.get(name, 0) for name in ("absolute", "relative")]
    if not all(isinstance(t, int | float) and 0 <= t < math.inf for t in tolerances):
        raise ValueError("a tolerance has to be a number of at least 0")
    source, function = fields.get("source", ""), fields.get("function", "check")
    if not (isinstance(source, str) and isinstance(function, str) and function.isidentifier()):
        raise ValueError("source and function of a checker are text, the second one a name")
    if fields["rule"] == "checker" and not source.strip():
        raise ValueError("a checker needs the source of its function")
    return Comparison(**dict(fields))


def same_output(written: bytes, expected: bytes, comparison: Comparison) -> bool:
    """Whether all that was written is what was expected, by any rule but "checker".

    >>> same_output(b"1 2\\r\\n", b"1\\n2", Comparison())
    True
    >>> same_output(b"1 2\\n", b"1\\n2\\n", Comparison(rule="lines"))
    False
    """
    if comparison.rule == "exact":
        return written.removesuffix(b"\n") == expected.removesuffix(b"\n")
    if comparison.rule == "lines":
        return _lines(written) == _lines(expected)
    left, right = written.split(), expected.split()
    if comparison.rule == "tokens":
        return left == right
    return len(left) == len(right) and all(
        a == b or _close(a, b, comparison) for a, b in zip(left, right, strict=True)
    )


def _lines(text: bytes) -> list[bytes]:
    lines = [line.rstrip() for line in text.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _close(written: bytes, expected: bytes, comparison: Comparison) -> bool:
    if max(len(written), len(expected)) > MAX_NUMBER_CHARS:
        return False
    if not (_NUMBER.fullmatch(written) and _NUMBER.fullmatch(expected)):
        return False
    a, b = float(written), float(expected)
    if math.isinf(a) or math.isinf(b):
        return False
    return abs(a - b) <= comparison.absolute + comparison.relative * abs(b)
