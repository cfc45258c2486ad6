r"""One spelling for mathematical text: characters, LaTeX styling and synonyms become plain tokens.

``tokens`` is one scan over the text. A token is a string: a number (``12``, ``.5``, ``4.5e33``), a
run of letters, a command (``\frac``), a text (``\text{cm}``), a matrix mark (``\begin{matrix}``) or
one sign. Nothing here knows what a fraction is; see ``syntax`` for that.
"""

import re
import unicodedata
from functools import lru_cache


def words(text: str) -> frozenset[str]:
    """The words of a text, for tables that read better without quotes."""
    return frozenset(text.split())


FUNCTIONS = words(
    r"""
    sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh ln log lg exp gcd lcm
    max min
    """
)
GREEK = words(
    r"""
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau
    upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
    """
)
_SUPER = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "0123456789+-()ni", strict=True))
_SUB = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙₖ", "0123456789+-()nk", strict=True))
_RUN = re.compile(f"([{''.join(_SUPER)}]+)|([{''.join(_SUB)}]+)")
_SIGNS = {
    **dict.fromkeys("−﹣‒–‐‑", "-"),
    **dict.fromkeys("⁄∕", "/"),
    **dict.fromkeys("，、､﹐", ","),
    **dict.fromkeys("。．｡", "."),
    "×": " * ", "⋅": " * ", "·": " * ", "∙": " * ", "∗": " * ", "✕": " * ", "÷": " / ",
    "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ",
    "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "∅": r"\emptyset ",
    "±": r"\pm ", "∓": r"\mp ", "∞": r"\infty ", "√": r"\sqrt ", "∛": r"\sqrt[3] ",
    "π": r"\pi ", "°": r"^\circ ", "º": r"^\circ ", "℃": r"^\circ C", "…": r"\ldots ",
    "⋯": r"\ldots ",
    "∠": r"\angle ", "△": r"\triangle ", "∫": r"\int ", "∑": r"\sum ", "∏": r"\prod ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "⟨": r"\langle ", "⟩": r"\rangle ", "→": r"\to ", "′": "'", "’": "'",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}",
    "ℂ": r"\mathbb{C}",
    **{
        chr(code): rf"\{name} "
        for code, name in (
            (0x3B1, "alpha"), (0x3B2, "beta"), (0x3B3, "gamma"), (0x3B4, "delta"),
            (0x3B5, "epsilon"),
            (0x3B7, "eta"), (0x3B8, "theta"), (0x3BB, "lambda"), (0x3BC, "mu"), (0xB5, "mu"),
            (0x3BD, "nu"), (0x3C1, "rho"), (0x3C3, "sigma"), (0x3C4, "tau"), (0x3C6, "phi"),
            (0x3C8, "psi"), (0x3C9, "omega"), (0x393, "Gamma"), (0x394, "Delta"), (0x398, "Theta"),
            (0x3A3, "Sigma"), (0x3A6, "Phi"), (0x3A8, "Psi"), (0x3A9, "Omega"),
        )
    },
    **{
        chr(code): rf" \frac{{{value[0]}}}{{{value[1]}}}"
        for code in (*range(0xBC, 0xBF), *range(0x2150, 0x215F))
        for value in [(unicodedata.numeric(chr(code)).as_integer_ratio())]
        if value[1] < 100
    },
    "⅓": r" \frac{1}{3}", "⅔": r" \frac{2}{3}", "⅕": r" \frac{1}{5}", "⅖": r" \frac{2}{5}",
    "⅗": r" \frac{3}{5}", "⅘": r" \frac{4}{5}", "⅙": r" \frac{1}{6}", "⅚": r" \frac{5}{6}",
    "⅐": r" \frac{1}{7}", "⅑": r" \frac{1}{9}", "⅒": r" \frac{1}{10}",
}  # fmt: skip
_TRANSLATION = str.maketrans(_SIGNS)

_MAX_PASSES = 8
_DIGITS = frozenset("0123456789")
_TEXT = "text|textbf|textit|textrm|textsf|texttt|textnormal|mbox|hbox|emph"
_UPRIGHT = r"mathrm|operatorname\*?|mathit|mathsf|mathtt|mathop|mathnormal"
_INLINE = "mathbf|boldsymbol|bm|mathcal|mathscr|mathfrak|vec|overrightarrow"
# Spacing inside digits groups them; elsewhere it is a blank. "\\\\" comes first to be left alone.
_SPACING = re.compile(
    r"(?P<rows>\\\\)|(?P<none>\\!|(?<=\d)\{,\}(?=\d{3})|\\(?:text)?color\s*\{[A-Za-z]*\})"
    r"|\\[,;: >]|~|\\(?:quad|qquad|thinspace|enspace|hspace\s*\{[^{}]*\})(?![A-Za-z])"
)
_THOUSANDS = (
    r"[1-9]\d{0,2}(?:,\d{3})++(?![\d,])(?:\.\d+)?|[1-9]\d{0,2}(?:\ \d{3})++(?![\d])(?:\.\d+)?"
)
_NUMBER = r"(?:\d++(?:\.\d*+(?!\.))?|\.\d++)(?:[eE][+-]?\d{1,4}(?![\w.]))?"


def _pattern(grouped: bool) -> re.Pattern[str]:
    thousands = rf"(?<![\d.,]){_THOUSANDS}|" if grouped else ""
    return re.compile(
        rf"""\\(?:(?P<text>{_TEXT})|(?P<upright>{_UPRIGHT})|(?P<inline>{_INLINE}))\s*
          \{{(?P<content>(?:[^{{}}]++|\{{[^{{}}]*+\}})*+)\}}
        | \\mathbb\s*(?:\{{\s*(?P<field>[A-Z])\s*\}}|(?P<bare_field>[A-Z]))
        | \\(?P<edge>begin|end)\s*\{{\s*(?P<name>[A-Za-z]+\*?)\s*\}}(?:\s*\{{[lcr|\s]*\}})?
        | \\(?:left|right|[bB]igg?[lrm]?|middle)(?![A-Za-z])\s*(?P<no_bracket>\.)?
        | (?P<command>\\[A-Za-z]+|\\.)
        | (?P<number>{thousands}{_NUMBER})
        | (?P<letters>[A-Za-z]+)
        | (?P<dots>\.\.\.+)
        | (?P<operator>\*\*|<=|>=|!=|==)
        | (?P<sign>\S)
        """,
        re.VERBOSE | re.ASCII | re.DOTALL,
    )


_GROUPED, _UNGROUPED = _pattern(True), _pattern(False)

_SYNONYMS = {
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac",
    r"\dbinom": r"\binom", r"\tbinom": r"\binom",
    r"\leq": r"\le", r"\leqslant": r"\le", r"\leqq": r"\le", "<=": r"\le",
    r"\geq": r"\ge", r"\geqslant": r"\ge", r"\geqq": r"\ge", ">=": r"\ge",
    r"\lt": "<", r"\gt": ">", r"\neq": r"\ne", "!=": r"\ne", "==": "=",
    r"\cdot": "*", r"\times": "*", r"\ast": "*", r"\div": "/", "**": "^", r"\slash": "/",
    r"\dots": r"\ldots", r"\cdots": r"\ldots", r"\dotsc": r"\ldots", r"\dotsb": r"\ldots",
    r"\vdots": r"\ldots", r"\ddots": r"\ldots",
    r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lbrack": "[", r"\rbrack": "]",
    r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\mid": r"\mid",
    r"\%": "%", r"\colon": ":", r"\infin": r"\infty", r"\degree": "°", r"\degrees": "°",
    r"\varnothing": r"\emptyset", r"\O": r"\emptyset",
    r"\backslash": r"\setminus", r"\land": "and", r"\lor": "or", r"\wedge": "and", r"\vee": "or",
    r"\varphi": r"\phi", r"\varepsilon": r"\epsilon", r"\vartheta": r"\theta",
    r"\tg": r"\tan", r"\ctg": r"\cot", r"\arctg": r"\arctan", r"\cosec": r"\csc",
    r"\asin": r"\arcsin", r"\acos": r"\arccos", r"\atan": r"\arctan",
    r"\simeq": r"\approx", r"\cong": r"\approx", r"\doteq": r"\approx",
    r"\prime": "'", r"\Reals": r"\mathbb{R}", r"\R": r"\mathbb{R}", r"\_": "_", r"\&": "&",
    "、": ",",
}  # fmt: skip
_DROPPED = frozenset(
    [
        r"\displaystyle",
        r"\textstyle",
        r"\scriptstyle",
        r"\limits",
        r"\nolimits",
        r"\left",
        r"\right",
        r"\null",
        r"\quad",
        r"\qquad",
        r"\,",
        r"\;",
        r"\:",
        r"\!",
        r"\(",
        r"\)",
        r"\[",
        r"\]",
        r"$",
        r"\text",
        r"\mathrm",
        r"\mbox",
        r"\operatorname",
        r"\rm",
        r"\bf",
        r"\it",
        r"\mathbf",
        r"\boldsymbol",
        r"\vec",
        r"\mathit",
        r"\hfill",
        r"\textbf",
        r"\strut",
        r"\large",
        r"\Large",
        r"\normalsize",
        r"\bold",
        r"\pmb",
        r"\hline",
        r"\notag",
        r"\tag",
    ]
)
_WORDS = {
    **{name: rf"\{name}" for name in FUNCTIONS | GREEK if len(name) > 2 or name in ("ln", "lg")},
    **{name: rf"\{name}" for name in ("pi", "infty")},
    "infinity": r"\infty", "oo": r"\infty", "inf": r"\infty",
    "asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan", "tg": r"\tan",
    "percent": "%", "percentage": "%", "pct": "%", "degrees": "°", "degree": "°",
    "and": "and", "or": "or", "And": "and", "Or": "or", "AND": "and", "OR": "or", "und": "and",
}  # fmt: skip
_NAMES = {"max", "min", "gcd", "lcm"}
_NUMPY = re.compile(r"\b(?:np|math|numpy|sympy)\.(?=[a-z])")


def plain_characters(text: str) -> str:
    """``text`` in ASCII mathematics as far as its characters have a meaning there (NFKC last)."""
    if text.isascii():
        return text
    text = _RUN.sub(_script, text).translate(_TRANSLATION)
    return "".join(map(_folded, text)).translate(_TRANSLATION)


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """The compatibility form; decimal digits of any script are digits, circled numbers are not."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return character if category == "No" else unicodedata.normalize("NFKC", character)


def tokens(text: str, *, grouped: bool = True) -> list[str]:
    r"""The tokens of ``text`` in one spelling. ``grouped`` reads ``1,000`` as one number.

    >>> tokens(r"\dfrac{1}{2} \cdot 1{,}000\,\mathrm{cm}^{\circ}")
    ['\\frac', '{', '1', '}', '{', '2', '}', '*', '1000', '\\text{cm}', '°']
    >>> tokens("1,000", grouped=False)
    ['1', ',', '000']
    """
    text = _NUMPY.sub("", _SPACING.sub(_spacing, plain_characters(text)))
    found: list[str] = []
    for match in (_GROUPED if grouped else _UNGROUPED).finditer(text):
        kind = match.lastgroup
        token = match.group()
        if kind == "number":
            found.append(token.replace(",", "").replace(" ", ""))
        elif kind == "letters":
            found.append(_WORDS.get(token, token))
        elif kind in ("command", "operator", "sign"):
            token = _SYNONYMS.get(token, token)
            if token not in _DROPPED:
                found.append(token)
        else:
            found += _special(match)
    return _degrees(found)


def canonical(parts: list[str]) -> str:
    r"""Tokens as text that reads back as the same tokens.

    >>> canonical(tokens(r"\left( \tfrac{1}{2} , x \right)"))
    '(\\frac{1}{2},x)'
    """
    pieces: list[str] = []
    last = ""
    for part in parts:
        if last and part and last[-1].isdigit() and (part[0].isdigit() or part[0] == "."):
            pieces.append("\\null ")
        elif last and (
            (last[-1].isalnum() and part[0].isalnum())
            or (last[-1] in "*<>!=." and part[0] in "*<>!=.")
            or last == "\\"
        ):
            pieces.append(" ")
        pieces.append(part)
        last = part
    return "".join(pieces)


def normalise(text: str) -> str:
    r"""``text`` in one spelling; ``normalise(normalise(text)) == normalise(text)``.

    >>> normalise(r"$ \dfrac {1}{2}\, $") == normalise(r"\frac{1}{2}")
    True
    """
    for _ in range(_MAX_PASSES):
        # Dropping a sign can bring two others together, in text that nobody means seriously.
        before, text = text, canonical(tokens(text))
        if text == before:
            break
    return text


def is_number(token: str) -> bool:
    """Whether a token is a number."""
    return token[0] in _DIGITS or (token[0] == "." and len(token) > 1 and token[1] in _DIGITS)


def is_whole(token: str) -> bool:
    """Whether a token is digits and nothing else."""
    return token.isdigit() and token.isascii()


def is_text(token: str) -> bool:
    r"""Whether a token is a ``\text{}``."""
    return token.startswith("\\text{")


def text_content(token: str) -> str:
    r"""What stands in a ``\text{}`` token."""
    return token[6:-1]


def _script(match: re.Match[str]) -> str:
    above, below = match.groups()
    if above:
        return "^{" + "".join(_SUPER[c] for c in above) + "}"
    return "_{" + "".join(_SUB[c] for c in below) + "}"


def _spacing(match: re.Match[str]) -> str:
    if match["rows"]:
        return match["rows"]
    return "" if match["none"] else " "


def _special(match: re.Match[str]) -> list[str]:
    """Tokens of what needs a closer look: texts, fields, matrix marks, dots, brackets."""
    if match["content"] is not None:
        return _wrapped(match)
    if field := match["field"] or match["bare_field"]:
        return [f"\\mathbb{{{field}}}"]
    if match["edge"]:
        return [f"\\{match['edge']}{{{match['name']}}}"]
    return ["\\ldots"] if match["dots"] else []


def _wrapped(match: re.Match[str]) -> list[str]:
    content = " ".join(match["content"].replace("$", " ").split())
    if match["inline"]:
        return tokens(content) if "\\" not in match["inline"] else []
    if match["upright"]:
        content = content.replace("\\", "")
        if content in FUNCTIONS or content in ("arg", "Re", "Im"):
            return [f"\\{content}"]
        if len(content) == 1:
            return [content]
    if content.isdigit() and content.isascii():
        return [content]
    word = content.strip(" .,;:").lower()
    if word in ("and", "or", "%", "percent", "degrees", "degree"):
        return [{"degrees": "°", "degree": "°", "percent": "%"}.get(word, word)]
    if word == "infinity":
        return ["\\infty"]
    if not word:
        return ["\\ldots"] if "..." in content else [","] if "," in content else []
    return [f"\\text{{{content}}}"]


def _degrees(parts: list[str]) -> list[str]:
    r"""``^\circ`` and ``^{\circ}`` as one sign."""
    if "\\circ" not in parts:
        return parts
    found: list[str] = []
    at = 0
    while at < len(parts):
        if parts[at] == "^" and parts[at + 1 : at + 2] == ["\\circ"]:
            found.append("°")
            at += 2
        elif parts[at] == "^" and parts[at + 1 : at + 4] == ["{", "\\circ", "}"]:
            found.append("°")
            at += 4
        else:
            found.append(parts[at])
            at += 1
    return found
