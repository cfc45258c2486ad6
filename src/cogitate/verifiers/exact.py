r"""Numbers in text as exact rationals, in time proportional to the text; nothing is evaluated.

``parse_number`` reads a text that is a number, all of it. ``last_number`` finds the last number
that stands in a text. Both give a ``Fraction`` or None: there are no floats, so 0.1 + 0.2 is 0.3
and 0.333 is not 1/3. An expression such as ``2**9**9**9`` is not a number, and a number with more
than ``MAX_DIGITS`` digits is not either.
"""

import re
import unicodedata
from collections import deque
from fractions import Fraction

MAX_DIGITS = 1000
"""Digits that one number may have; more is an attack, not an answer."""
MAX_EXPONENT = 400
"""Largest power of ten of a number in scientific notation, either way."""
MAX_NUMBER_CHARS = 4096
"""Characters that a text may have to be read as one number."""

_CURRENCIES = "$\u20ac\u00a3\u00a5\u20b9"
_CHARACTERS = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},  # full-width ASCII
    **dict.fromkeys((0x2212, 0xFE63, 0x2012, 0x2013), "-"),  # minus signs, figure and en dash
    **dict.fromkeys((0x2044, 0x2215), "/"),  # fraction and division slashes
    **dict.fromkeys((0x00A0, 0x2009, 0x202F), " "),  # blanks that group digits
}
_VULGAR = {
    code: f" {value.numerator}/{value.denominator}"
    for code in (*range(0xBC, 0xBF), *range(0x2150, 0x215F))
    for value in [Fraction(unicodedata.numeric(chr(code))).limit_denominator(10)]
}
# Digits with commas are taken in one possessive gulp and judged afterwards; an alternative for
# well-grouped ones inside the pattern would rescan long malformed runs again and again.
_DIGITS = r"\d[\d,]*+"
_LITERAL = re.compile(
    rf"""(?P<sign>(?<![\w)\]}}.%])-)?
    (?:\\?[{_CURRENCIES}]\s?)?
    (?:(?<!\d\.)(?<![A-Za-z0-9_])(?P<whole>{_DIGITS})(?P<part>\.\d++)?|(?<![\w.])(?P<bare>\.\d++))
    (?:[eE](?P<exponent>[+-]?\d{{1,3}})(?![\w.]))?""",
    re.VERBOSE | re.ASCII,
)
_WHOLE_LITERAL = re.compile(
    r"""(?P<whole>\d{1,3}(?:,\d{3})++|\d{1,3}(?:[ ]\d{3})++|\d++)?(?P<part>\.\d++)?
    (?:[eE](?P<exponent>[+-]?\d{1,3}))?
    (?:\s*(?:\\times|\\cdot|\u00d7|\*)\s*10\s*\^\s*\{?\s*(?P<power>[+-]?\d{1,3})\s*\}?)?""",
    re.VERBOSE | re.ASCII,
)
_MIXED = re.compile(r"(?:(?P<count>\d++)\s++)?(?P<top>[^/]+)/(?P<bottom>[^/]+)")
_FRAC = re.compile(
    r"(?P<left>(?:\d[ ]?)?)\\[dtc]?frac\s*"
    r"(?:\{\s*(?P<top>-?[\d,.]++)\s*\}|(?P<short_top>\d))\s*"
    r"(?:\{\s*(?P<bottom>-?[\d,.]++)\s*\}|(?P<short_bottom>\d))",
    re.ASCII,
)
# The full stop of ``\left.`` and ``\right.`` is a bracket that is not there, no decimal point.
_STYLING = re.compile(
    r"\\(?:displaystyle(?![A-Za-z])|(?:left|right)(?![A-Za-z])(?:\s*\.)?)|\\[!,;: ]|\{,\}"
)
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
# Two stars are a power between operands, and bold type around a number.
_POWER_OF = re.compile(r"(?:\^|[\d)\]}](?:\*\*|\s\*\*\s))\s*[({]*$", re.ASCII)
# What stands before a number that is one of several, or a bound and not a value.
_HEDGE = re.compile(
    r"(?:[\d)\]}%$]\s*(?:,|;|&|\||\b(?:or|and|bis|oder|und)\b)"
    r"|\\pm|\u00b1|\\(?:geq?|leq?|neq?|gt|lt)(?![A-Za-z])|[<>\u2264\u2265\u2260]=?|!=)"
    r"[\s$({\[\\]*$"
)
_DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("`", "`"))


def parse_number(text: str, *, percent: bool = False, currency: bool = False) -> Fraction | None:
    r"""The number that the whole text is, or None.

    Integers, decimals, ``1,000`` and ``1 000`` (groups of three only), fractions ``3/4`` and
    ``\frac{3}{4}``, mixed numbers ``3 1/2``, scientific notation, full-width digits, any minus
    sign. One trailing full stop, math delimiters and bold are ignored. ``percent`` accepts a
    percent sign, which divides by 100; ``currency`` accepts a currency sign, which means nothing.

    >>> parse_number("-1,234.50"), parse_number(r"3\frac{1}{2}"), parse_number("2**9**9**9")
    (Fraction(-2469, 2), Fraction(7, 2), None)
    >>> parse_number("50%"), parse_number("50%", percent=True)
    (None, Fraction(1, 2))
    """
    if len(text) > MAX_NUMBER_CHARS:
        return None
    text = _undress(_FRAC.sub(_plain_fraction, _STYLING.sub(_plain_styling, _plain(text))))
    if currency:
        text = re.sub(rf"^(-?)\s*\\?[{_CURRENCIES}]\s*|\s*\\?[{_CURRENCIES}]$", r"\1", text)
    if not percent:
        return _parse_signed(text)
    body = re.sub(r"\s*(?:\\?%|percent)$", "", text)
    value = _parse_signed(body)
    return value / 100 if value is not None and body != text else value


def last_number(text: str, *, percent: bool = False) -> Fraction | None:
    r"""The last number that stands in a text, or None.

    Units, currency and text around it do not matter, digits glued to a letter before them do:
    ``H2O`` holds no number. An operand of a power or a chain of divisions is no answer, so a text
    that ends with one gives None. ``percent`` makes ``50%`` mean 1/2; otherwise it is 50.
    A number that is offered beside another one, or as a bound, is no answer either.

    >>> last_number("3 + 4 = 7, so she pays $1,200."), last_number("it is 5 - 3/4")
    (Fraction(1200, 1), Fraction(3, 4))
    >>> last_number("2**9**9**9"), last_number("none")
    (None, None)
    >>> last_number("41 or 42"), last_number("41, 42"), last_number("at least: >= 42")
    (None, None, None)
    """
    text = _FRAC.sub(_plain_fraction, _STYLING.sub(_plain_styling, _plain(text)))
    found = deque(_LITERAL.finditer(text), maxlen=3)
    if not found:
        return None
    last = found.pop()
    before = text[max(0, last.start() - 8) : last.start()]
    after = text[last.end() : last.end() + 8].lstrip()
    if _POWER_OF.search(before) or after.startswith("^"):
        return None
    if re.match(r"/\s*\\?[\d(]", after):
        return None
    if _HEDGE.search(text[max(0, last.start() - 24) : last.start()]) or _is_list(last):
        return None
    value = _literal_value(last)
    if (
        before.rstrip().endswith("/")
        and found
        and text[found[-1].end() : last.start()].strip() == "/"
    ):
        value = _divide(text, found, value)
    is_percent = percent and re.match(r"\\?%|percent", after) is not None
    return value / 100 if value is not None and is_percent else value


def numbers_equal(left: str, right: str, *, percent: bool = False, currency: bool = False) -> bool:
    """Whether two texts are the same number, exactly.

    >>> numbers_equal("0.5", "1/2"), numbers_equal("0.33", "1/3"), numbers_equal("x", "x")
    (True, False, False)
    """
    value = parse_number(left, percent=percent, currency=currency)
    return value is not None and value == parse_number(right, percent=percent, currency=currency)


def _plain(text: str) -> str:
    return text.translate(_CHARACTERS).translate(_VULGAR)


def _plain_styling(match: re.Match[str]) -> str:
    if match.group() in ("{,}", "\\!"):
        return match.group().strip("{}\\!")
    return " " if match.group()[1] in ",;: " else ""


def _plain_fraction(match: re.Match[str]) -> str:
    """``\\frac`` as a/b; behind a digit it is the fraction of a mixed number, not a factor."""
    top = match["top"] or match["short_top"]
    bottom = match["bottom"] or match["short_bottom"]
    left = match["left"].rstrip()
    return f"{left} {top}/{bottom}" if left else f"{top}/{bottom}"


def _undress(text: str) -> str:
    """Without what people and LaTeX put around a number."""
    text = text.strip()
    text = text[:-1].rstrip() if text.endswith((".", "\u3002")) else text
    for start, end in _DELIMITERS:
        if len(text) > len(start + end) and text.startswith(start) and text.endswith(end):
            text = text[len(start) : -len(end)].strip()
    wrapped = _WRAPPED.fullmatch(text)
    text = wrapped[1].strip() if wrapped else text
    return text[:-1].rstrip() if text.endswith(".") else text


def _parse_signed(text: str) -> Fraction | None:
    sign = -1 if text.startswith("-") else 1
    body = text[1:].lstrip() if text.startswith(("-", "+")) else text
    match = _MIXED.fullmatch(body)
    if match is None:
        value = _parse_literal(body)
    else:
        top, bottom = _parse_literal(match["top"].strip()), _parse_denominator(match["bottom"])
        if top is None or not bottom:
            return None
        value = top / bottom
        if match["count"]:
            count = _parse_literal(match["count"])
            if count is None or max(top.denominator, bottom.denominator) > 1:
                return None
            value += count
    return None if value is None else sign * value


def _parse_denominator(text: str) -> Fraction | None:
    text = text.strip()
    value = _parse_literal(text.removeprefix("-"))
    return -value if value is not None and text.startswith("-") else value


def _parse_literal(text: str) -> Fraction | None:
    match = _WHOLE_LITERAL.fullmatch(text)
    if match is None or not (match["whole"] or match["part"]):
        return None
    digits = (match["whole"] or "0").replace(",", "").replace(" ", "")
    exponent = int(match["exponent"] or 0) + int(match["power"] or 0)
    return _rational(digits, match["part"], exponent)


def _literal_value(match: re.Match[str]) -> Fraction | None:
    """Value of a found number. Badly grouped digits are a list, whose last member counts."""
    sign = -1 if match["sign"] else 1
    whole, part = match["whole"] or "0", match["part"] or match["bare"]
    whole = whole.rstrip(",") if not part else whole
    head, *groups = whole.split(",")
    well_grouped = 1 <= len(head) <= 3 and all(len(group) == 3 for group in groups)
    if groups and not well_grouped:
        sign, head, groups = 1, groups[-1], []
    value = _rational("".join((head, *groups)), part, int(match["exponent"] or 0))
    return None if value is None else sign * value


def _is_list(match: re.Match[str]) -> bool:
    """Whether digits with commas are several numbers: 41,42 is no number, 1,024 is one."""
    head, *groups = (match["whole"] or "").rstrip(",").split(",")
    return bool(groups) and not (1 <= len(head) <= 3 and all(len(g) == 3 for g in groups))


def _rational(digits: str, part: str | None, exponent: int) -> Fraction | None:
    fraction_digits = (part or ".")[1:]
    if len(digits) + len(fraction_digits) > MAX_DIGITS or abs(exponent) > MAX_EXPONENT:
        return None
    scaled = int((digits or "0") + fraction_digits)
    return Fraction(scaled) * Fraction(10) ** (exponent - len(fraction_digits))


def _divide(text: str, found: "deque[re.Match[str]]", divisor: Fraction | None) -> Fraction | None:
    """``a/b`` or the mixed ``n a/b`` before the last number; None for a/b/c and for a/0."""
    top = found.pop()
    before = text[max(0, top.start() - 8) : top.start()].rstrip()
    dividend = _literal_value(top)
    if before.endswith("/") or _POWER_OF.search(before) or dividend is None or not divisor:
        return None
    value = dividend / divisor
    if not found or text[found[-1].end() : top.start()] != " " or top["sign"]:
        return value
    count = _literal_value(found[-1])
    simple = found[-1].group().lstrip("-").isdigit() and top.group().isdigit()
    if count is None or not simple:
        return value
    return count - value if found[-1]["sign"] else count + value
