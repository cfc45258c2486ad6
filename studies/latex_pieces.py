r"""Cutting short LaTeX answers into pieces, for the generators of the maths study.

Deliberately shares no code with ``cogitate.verifiers``: a generator that used the verifier's own
reading of an answer could not find the verifier's faults.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_OPEN = {"(", "[", "{", r"\{", r"\langle", r"\lfloor", r"\lceil", r"\begin"}
_CLOSE = {")", "]", "}", r"\}", r"\rangle", r"\rfloor", r"\rceil", r"\end"}
_GREEK = (
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|psi|"
    "omega|Delta|Omega|Theta|hbar"
)
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?\d*\.\d+|[+-]?\d+\.")
_SCIENTIFIC = re.compile(r"([+-]?\d+(?:\.\d+)?)[eE]([+-]?\d+)")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\s*(?:\{(-?\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))")
_SLASH = re.compile(r"(-?\d+)\.?\s*/\s*(\d+)")
_MIXED = re.compile(r"(-?)(\d+)\s*\\[dt]?frac\{(\d+)\}\{(\d+)\}")


def tokens(text: str) -> list[str]:
    """Control words, escaped characters and single characters."""
    return _TOKEN.findall(text)


def bare(gold: str) -> str:
    r"""A gold answer without dollar signs of mathematics and without a full stop at its end.

    >>> bare("$8$,$4$"), bare(r"\$18.90"), bare("$x+1$.")
    ('8,4', '\\$18.90', 'x+1')
    """
    text = re.sub(r"(?<!\\)\$", "", gold.strip()).strip()
    text = re.sub(r"^\\quad\s*", "", text)
    return text.removesuffix(".") if not re.search(r"\d\.$", text) else text


def with_depth(text: str) -> Iterator[tuple[str, int]]:
    """Every token with the number of brackets that are open before it (after it, if it closes)."""
    depth = 0
    for token in tokens(text):
        if token in _CLOSE:
            depth -= 1
        yield token, depth
        if token in _OPEN:
            depth += 1


def balanced(text: str) -> bool:
    """Whether the brackets of a piece close, never before they open."""
    depths = [depth for _, depth in with_depth(text)]
    opened = sum(token in _OPEN for token in tokens(text))
    closed = sum(token in _CLOSE for token in tokens(text))
    return opened == closed and min(depths, default=0) >= 0


def split_top(text: str, separators: str = ",") -> list[str]:
    r"""Pieces between separators that stand in no brackets.

    >>> split_top(r"(1,2), \{3,4\},\frac{1}{2}")
    ['(1,2)', '\\{3,4\\}', '\\frac{1}{2}']
    """
    pieces = [""]
    for token, depth in with_depth(text):
        if token in separators and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += token
    return [piece.strip() for piece in pieces]


def inside(text: str, opening: str, closing: str) -> str | None:
    r"""What a bracket around the whole text holds, with or without \left and \right.

    >>> inside(r"\left( 1, 2 \right)", "(", ")"), inside("(1) + (2)", "(", ")")
    ('1, 2', None)
    """
    text = re.sub(r"\\(?:left|right)(?![A-Za-z])\s*", "", text).strip()
    if not (text.startswith(opening) and text.endswith(closing)):
        return None
    body = text[len(opening) : len(text) - len(closing)]
    return body.strip() if balanced(body) and len(text) > len(opening + closing) else None


_NO_TERMS = (
    r"[=<>,:;|!&]|\\(?:pm|mp|cup|cap|in|to|ldots|dots|le|ge|leq|geq|geqslant|leqslant|sum|int|lim|"
    r"begin|text|mbox|angle|prod)(?![A-Za-z])"
)


def terms(text: str) -> list[tuple[str, str]]:
    r"""(sign, body) of the terms of a sum; empty if the text is not plainly a sum.

    >>> terms("x^{-1} - 3(a+b)")
    [('+', 'x^{-1}'), ('-', '3(a+b)')]
    """
    if re.search(_NO_TERMS, text) or not balanced(text):
        return []
    found: list[tuple[str, str]] = []
    sign, body, previous = "+", "", ""
    for token, depth in with_depth(text):
        operator = token in "+-" and depth == 0 and previous not in ("^", "_", "*", "/")
        if operator and body.strip():
            found.append((sign, body.strip()))
            sign, body = token, ""
        elif operator and not found and not previous:
            sign = token
        else:
            body += token
        previous = token.strip() or previous
    found.append((sign, body.strip()))
    return found if all(body for _, body in found) else []


def join_terms(parts: list[tuple[str, str]]) -> str:
    """The sum of (sign, body) terms, as text."""
    head = "-" if parts[0][0] == "-" else ""
    return head + parts[0][1] + "".join(f" {sign} {body}" for sign, body in parts[1:])


def factors(text: str) -> list[str]:
    r"""Factors of a plain product such as ``2 \pi (n+1)``; empty if it is not plainly one.

    A letter before a bracket is a factor only if the bracket holds a sum: u(t) is no product.

    >>> factors(r"2n(n-1)"), factors("u(t)"), factors(r"3\sqrt{13}")
    (['2', 'n', '(n-1)'], [], ['3', '\\sqrt{13}'])
    """
    atom = re.compile(
        r"(?P<number>\d+(?:\.\d+)?)|(?P<root>\\sqrt(?:\[\d\])?\{(?:[^{}]|\{[^{}]*\})*\})"
        r"|(?P<frac>\\[dt]?frac\{(?:[^{}]|\{[^{}]*\})*\}\{(?:[^{}]|\{[^{}]*\})*\})"
        r"|(?P<letter>[A-Za-z]|\\(?:" + _GREEK + r")(?![A-Za-z]))"
        r"|(?P<group>\([^()]*\)|\\left\([^()]*\\right\))"
    )
    script = re.compile(r"\s*[\^_](?:\{(?:[^{}]|\{[^{}]*\})*\}|[A-Za-z0-9])")
    skip = re.compile(r"(?:\s|\\cdot(?![A-Za-z])|\\times(?![A-Za-z])|\\[,;!]|\*)*")
    found: list[str] = []
    position, last = 0, ""
    while position < len(text):
        position = skip.match(text, position).end()  # type: ignore[union-attr]
        match = atom.match(text, position)
        if match is None:
            return [] if position < len(text) else found
        if last == "letter" and match["group"] and not re.search(r"[+-]", match.group()):
            return []
        position = match.end()
        while scripted := script.match(text, position):
            position = scripted.end()
        found.append(text[match.start() : position].strip())
        last = match.lastgroup or ""
    return found


def rational(text: str) -> Fraction | None:
    r"""The value of an integer, decimal, fraction, mixed number or 3.83e35; None for the rest.

    >>> rational(r"\frac43"), rational("-1./3"), rational("2.50"), rational(r"137 \frac{1}{2}")
    (Fraction(4, 3), Fraction(-1, 3), Fraction(5, 2), Fraction(275, 2))
    """
    text = text.strip()
    if _INTEGER.fullmatch(text) or _DECIMAL.fullmatch(text):
        return Fraction(text.removesuffix("."))
    if match := _SCIENTIFIC.fullmatch(text):
        return Fraction(match[1]) * Fraction(10) ** int(match[2])
    if match := _FRACTION.fullmatch(text):
        top, bottom = int(match[2] or match[3]), int(match[4] or match[5])
        return None if bottom == 0 else Fraction(-top if match[1] else top, bottom)
    if match := _SLASH.fullmatch(text):
        return None if int(match[2]) == 0 else Fraction(int(match[1]), int(match[2]))
    if (match := _MIXED.fullmatch(text)) and int(match[4]):
        value = int(match[2]) + Fraction(int(match[3]), int(match[4]))
        return -value if match[1] else value
    return None


def decimal_text(value: Fraction) -> str | None:
    """The decimal that is exactly this number, or None if it never ends or is long.

    >>> decimal_text(Fraction(-7, 8)), decimal_text(Fraction(1, 3)), decimal_text(Fraction(2))
    ('-0.875', None, '2')
    """
    for places in range(13):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
            sign = "-" if value < 0 else ""
            return sign + (digits if not places else f"{digits[:-places]}.{digits[-places:]}")
    return None


def unit_in_last_place(text: str) -> Fraction | None:
    """What one unit of the last digit of a decimal or of 3.83e35 is worth; None for the rest.

    >>> unit_in_last_place("0.25"), unit_in_last_place("1.5e3"), unit_in_last_place("12")
    (Fraction(1, 100), Fraction(100, 1), None)
    """
    match = _SCIENTIFIC.fullmatch(text)
    mantissa, power = (match[1], int(match[2])) if match else (text, 0)
    if not _DECIMAL.fullmatch(mantissa) or mantissa.endswith("."):
        return None
    return Fraction(10) ** (power - len(mantissa.partition(".")[2]))
