r"""Other writings of a gold answer that mean the same, by rule; each rule has a name.

``equivalents`` gives every writing that a rule for the gold's kind yields, at least six for each:
where a kind has few natural variants, LaTeX's ways of setting the same thing fill up. What counts
as the same is the policy of docs/rewards.md: a unit is free where the gold has none, a set has no
order, a tuple has one, 50 % is 1/2.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from latex_pieces import factors, join_terms, rational, terms
from maths_kinds import MATRIX, NAME, WORD, Gold, Kind
from maths_number_writings import NUMBER_WRITINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What stands in the box, and the rule that made it. ``boxes`` overrides the single box."""

    rule: str
    answer: str
    boxes: tuple[str, ...] = ()


Pairs = Iterator[tuple[str, str]]


def equivalents(gold: Gold) -> list[Writing]:
    """Distinct writings that mean what the gold means; the gold's own spelling comes first."""
    seen: dict[str, Writing] = {gold.text: Writing(rule="as it is", answer=gold.text)}
    for rule, answer in (*_BY_KIND[gold.kind](gold), *_setting(gold)):
        seen.setdefault(answer, Writing(rule=rule, answer=answer))
    if gold.kind == "list":
        joined = " and ".join(gold.members)
        writing = Writing(rule="one box a member", answer=joined, boxes=gold.members)
        seen.setdefault("\n".join(gold.members), writing)
    return list(seen.values())


# --- words ---------------------------------------------------------------------------------------


def _text(gold: Gold) -> Pairs:
    word = WORD.fullmatch(gold.text)["word"].strip()  # type: ignore[index]
    yield "no command", word
    yield "bold", rf"\textbf{{{word}}}"
    yield "mbox", rf"\mbox{{{word}}}"
    yield "upright", rf"\mathrm{{{word}}}"
    yield "blanks inside", rf"\text{{ {word} }}"
    letter = re.fullmatch(r"\(?([A-Z])\)?", word)
    if letter:
        yield "letter alone", letter[1]
        yield "letter in text", rf"\text{{{letter[1]}}}"
        yield "letter in brackets", f"({letter[1]})"
    else:
        yield "lower case", rf"\text{{{word.lower()}}}"
        yield "capitals", rf"\text{{{word.upper()}}}"
        yield "capitalised", word.capitalize()


# --- collections --------------------------------------------------------------------------------


def _tuple(gold: Gold) -> Pairs:
    body = ", ".join(gold.members)
    yield "spaces", f"({body})"
    yield "no spaces", f"({','.join(gold.members)})"
    yield "left and right", rf"\left({body}\right)"
    yield "left and right, spaced", rf"\left( {body} \right)"
    yield "big brackets", rf"\bigl({body}\bigr)"
    yield "thin spaces", f"({(r',' + chr(92) + ', ').join(gold.members)})"
    if all(re.fullmatch(r"-?\d+", m) for m in gold.members):
        yield "members with a decimal zero", f"({', '.join(m + '.0' for m in gold.members)})"
    others = [_member_variant(m) for m in gold.members]
    if others != list(gold.members):
        yield "members written otherwise", f"({', '.join(others)})"
    yield "point named", rf"P = ({body})"


def _member_variant(member: str) -> str:
    """Another writing of one member: a fraction with dfrac, a coefficient with a dot."""
    value = rational(member)
    if value is not None and value.denominator > 1:
        return f"{value.numerator}/{value.denominator}"
    parts = factors(member)
    return r" \cdot ".join(parts) if len(parts) > 1 else restyle(member)


def _list(gold: Gold) -> Pairs:
    members = gold.members
    turned = (*members[1:], members[0])
    yield "reversed", ", ".join(reversed(members))
    yield "rotated", ", ".join(turned)
    yield "set", rf"\{{{', '.join(members)}\}}"
    yield "set, left and right, reversed", rf"\left\{{ {', '.join(reversed(members))} \right\}}"
    yield "and", ", ".join(members[:-1]) + rf" \text{{ and }} {members[-1]}"
    yield "and, plain", ", ".join(members[:-1]) + f" and {members[-1]}"
    yield "or", ", ".join(turned[:-1]) + rf" \text{{ or }} {turned[-1]}"
    yield "semicolons", "; ".join(members)
    yield "wide spaces", r",\ ".join(members)
    yield "quad", r", \quad ".join(members)
    others = [_member_variant(m) for m in members]
    if others != list(members):
        yield "members written otherwise", ", ".join(others)
    if all(rational(m) is not None for m in members):
        yield "each assigned", ", ".join(f"x = {m}" for m in members)
        yield "each assigned, or", r" \text{ or } ".join(f"x = {m}" for m in turned)


def _set(gold: Gold) -> Pairs:
    members = gold.members
    turned = (*members[1:], members[0])
    yield "spaces", rf"\{{ {', '.join(members)} \}}"
    yield "left and right", rf"\left\{{{', '.join(members)}\right\}}"
    yield "reversed", rf"\{{{', '.join(reversed(members))}\}}"
    yield "rotated", rf"\{{{','.join(turned)}\}}"
    yield "list", ", ".join(members)
    yield "named", rf"S = \{{{', '.join(members)}\}}"
    opened = [piece for member in members for piece in _signs(member)]
    if len(opened) > len(members):
        yield "plus-minus written out", rf"\{{{', '.join(opened)}\}}"


def _signs(text: str) -> list[str]:
    return [text.replace(r"\pm", sign) for sign in "+-"] if r"\pm" in text else [text]


def _plus_minus(gold: Gold) -> Pairs:
    plus, minus = _signs(gold.text)
    yield "written out", f"{plus}, {minus}"
    yield "written out, reversed", f"{minus}, {plus}"
    yield "written out, set", rf"\{{{plus}, {minus}\}}"
    yield "written out, and", rf"{plus} \text{{ and }} {minus}"
    yield "assignment", f"x = {gold.text}"
    yield from _formula_styles(gold.text)


def _interval(gold: Gold) -> Pairs:
    text = re.sub(r"\\(?:left|right)(?![A-Za-z])\s*", "", gold.text)
    parts = re.split(r"\s*\\cup\s*", text)
    yield "no spaces", "".join(text.split()).replace(r"\cup", r"\cup ")
    yield "spaces", r" \cup ".join(re.sub(r",\s*", ", ", part) for part in parts)
    sized = re.sub(r"([(\[])", r"\\left\1", re.sub(r"(?<!\\)([)\]])", r"\\right\1", text))
    yield "left and right", sized
    yield "element of", rf"x \in {text}"
    yield "plus infinity", re.sub(r"(?<!-)\\infty", r"+\\infty", text)
    yield "Unicode infinity", text.replace(r"\infty", "\N{INFINITY}")
    if len(parts) > 1:
        yield "union reversed", r" \cup ".join(reversed(parts))
        yield "Unicode union", " \N{UNION} ".join(parts)
    yield "fractions in another style", restyle(text)


def _matrix(gold: Gold) -> Pairs:
    match = MATRIX.fullmatch(gold.text)
    assert match is not None
    rows = [[c.strip() for c in r.split("&")] for r in match["body"].split(r"\\") if r.strip()]
    for name in ("pmatrix", "bmatrix"):
        for rule, cell, row in (
            ("spaced", " & ", r" \\ "),
            ("tight", "&", r"\\"),
            ("lines", " & ", "\\\\\n"),
        ):
            body = row.join(cell.join(entries) for entries in rows)
            yield f"{name}, {rule}", rf"\begin{{{name}}} {body} \end{{{name}}}"
    body = r" \\ ".join(" & ".join(entries) for entries in rows)
    columns = "c" * len(rows[0])
    yield "array", rf"\left(\begin{{array}}{{{columns}}} {body} \end{{array}}\right)"
    yield "row end at the end", rf"\begin{{pmatrix}} {body} \\ \end{{pmatrix}}"
    if all(re.fullmatch(r"-?\d+", cell) for entries in rows for cell in entries):
        decimal = r" \\ ".join(" & ".join(f"{cell}.0" for cell in entries) for entries in rows)
        yield "entries with a decimal zero", rf"\begin{{pmatrix}} {decimal} \end{{pmatrix}}"


# --- formulas -----------------------------------------------------------------------------------


def _expression(gold: Gold) -> Pairs:
    text = gold.text
    yield from _rearranged(text)
    yield from _radicals(text)
    yield from _formula_styles(text)
    free = next(letter for letter in "xASNTQ" if not re.search(rf"(?<![\\A-Za-z]){letter}", text))
    yield "assignment", f"{free} = {text}"


def _rearranged(text: str) -> Pairs:
    parts = terms(text)
    if len(parts) > 1:
        yield "terms reversed", join_terms(parts[::-1])
        yield "terms rotated", join_terms([*parts[1:], parts[0]])
        swapped = [(sign, _product(factors(body)) or body) for sign, body in parts]
        yield "factors of the terms reversed", join_terms(swapped)
    elif parts and len(product := factors(parts[0][1])) > 1:
        sign = "-" if parts[0][0] == "-" else ""
        yield "factors with dots", sign + r" \cdot ".join(product)
        yield "factors reversed", sign + (_product(product) or "")
    whole = re.fullmatch(r"(-?)\\frac\{([^{}]*)\}\{([^{}]*)\}", text)
    if whole:
        sign, top, bottom = whole.groups()
        yield "division with brackets", f"{sign}({top})/({bottom})"
        yield "times the inverse", rf"{sign}\frac{{1}}{{{bottom}}}\left({top}\right)"
        if len(terms(bottom)) > 1:
            yield (
                "denominator reversed",
                (rf"{sign}\frac{{{top}}}{{{join_terms(terms(bottom)[::-1])}}}"),
            )
        if len(terms(top)) > 1:
            yield (
                "numerator reversed",
                (rf"{sign}\frac{{{join_terms(terms(top)[::-1])}}}{{{bottom}}}"),
            )
    fronted = re.fullmatch(r"(-?)\\frac\{(\d+)\}\{(\d+)\}\s*([^\d\s+-][^+-]*)", text)
    if fronted and len(factors(fronted[4])) == 1:
        yield "one fraction", rf"{fronted[1]}\frac{{{fronted[2]} {fronted[4]}}}{{{fronted[3]}}}"


def _product(parts: list[str]) -> str | None:
    return r" \cdot ".join(reversed(parts)) if len(parts) > 1 else None


def _radicals(text: str) -> Pairs:
    if match := re.fullmatch(r"(-?)(\d*)\s*\\sqrt\{(\d+)\}", text):
        sign, factor, radicand = match[1], int(match[2] or 1), match[3]
        shown = "" if factor == 1 else str(factor)
        if factor > 1:
            yield "one root", rf"{sign}\sqrt{{{factor**2 * int(radicand)}}}"
        dot = rf"{shown} \cdot " if shown else ""
        yield "power of one half", rf"{sign}{dot}{radicand}^{{1/2}}"
        yield "power of one half, frac", rf"{sign}{dot}{radicand}^{{\frac{{1}}{{2}}}}"
        yield "Unicode root", f"{sign}{shown}\N{SQUARE ROOT}{radicand}" if len(radicand) == 1 else (
            f"{sign}{shown}\N{SQUARE ROOT}{{{radicand}}}"
        )  # fmt: skip
        yield "unit added", rf"{sign}{shown}\sqrt{{{radicand}}}\text{{ cm}}"
    if match := re.fullmatch(r"(-?)\\frac\{(\d*)\s*\\sqrt\{(\d+)\}\}\{(\d+)\}", text):
        sign, p, q, r = match[1], int(match[2] or 1), int(match[3]), int(match[4])
        shown = "" if p == 1 else str(p)
        yield "root behind the fraction", rf"{sign}\frac{{{p}}}{{{r}}}\sqrt{{{q}}}"
        inverse = Fraction(p * q, r)
        below = "" if inverse.denominator == 1 else str(inverse.denominator)
        yield (
            "root in the denominator",
            (rf"{sign}\frac{{{inverse.numerator}}}{{{below}\sqrt{{{q}}}}}"),
        )
        yield "division by a slash", rf"{sign}{shown}\sqrt{{{q}}}/{r}"


def _equation(gold: Gold) -> Pairs:
    left, _, right = gold.text.partition("=")
    left, right = left.strip(), right.strip()
    yield "no spaces", f"{left}={right}"
    yield "spaces", f"{left} = {right}"
    if "=" not in right:
        yield "sides exchanged", f"{right} = {left}"
        words = re.fullmatch(r"[A-Z]{2,}", right)  # SRMC is a name, not a product
        for rule, other in () if words else _rearranged(right):
            yield f"right side: {rule}", f"{left} = {other}"
        if rational(right) is not None and NAME.fullmatch(left):
            yield "without the name", right
    yield from _formula_styles(gold.text)


def _relation(gold: Gold) -> Pairs:
    for command in ("geqslant", "leqslant", "geq", "leq", "ge", "le"):
        if match := re.search(rf"\\{command}(?![A-Za-z])", gold.text):
            before, after = gold.text[: match.start()], gold.text[match.end() :]
            stem = command[:2]
            for other in (stem, stem + "q", stem + "qslant"):
                yield other, f"{before}\\{other}{after}"
            sign = "\N{GREATER-THAN OR EQUAL TO}" if stem == "ge" else "\N{LESS-THAN OR EQUAL TO}"
            yield "Unicode sign", f"{before}{sign}{after}"
            turned = "le" if stem == "ge" else "ge"
            yield "sides exchanged", rf"{after.strip()} \{turned} {before.strip()}"
            break
    yield from _formula_styles(gold.text)


_STYLES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("fractions in another style", lambda t: restyle(t)),
    ("no blanks", lambda t: tight(t)),
    ("thin spaces", lambda t: re.sub(r"(?<=[^\\]) ", r"\\, ", t)),
    ("left and right", lambda t: sized(t)),
    ("no left and right", lambda t: re.sub(r"\\(?:left|right)(?![A-Za-z.])", "", t)),
    ("scripts without braces", lambda t: re.sub(r"([\^_])\{([A-Za-z0-9])\}", r"\1\2", t)),
    ("scripts with braces", lambda t: re.sub(r"([\^_])([A-Za-z0-9])", r"\1{\2}", t)),
    ("Unicode minus", lambda t: t.replace("-", "\N{MINUS SIGN}") if r"\text" not in t else t),
    ("Unicode pi", lambda t: re.sub(r"\\pi(?![A-Za-z])", "\N{GREEK SMALL LETTER PI}", t)),
    ("root of a digit without braces", lambda t: re.sub(r"\\sqrt\{(\d)\}", r"\\sqrt\1", t)),
    ("numerator and denominator by a slash", lambda t: slashed(t)),
    ("coefficients with dots", lambda t: dotted(t)),
    ("upright e", lambda t: re.sub(r"(?<![\\A-Za-z])e(?=\^)", r"\\mathrm{e}", t)),
    ("exp", lambda t: re.sub(r"(?<![\\A-Za-z])e\^\{([^{}]*)\}", r"\\exp(\1)", t)),
)  # fmt: skip


def _formula_styles(text: str) -> Pairs:
    for rule, change in _STYLES:
        if (changed := change(text)) != text:
            yield rule, changed


def restyle(text: str) -> str:
    r"""Fractions with \dfrac, or with \tfrac if they have \dfrac already."""
    if r"\frac" in text:
        return re.sub(r"\\frac(?![A-Za-z])", r"\\dfrac", text)
    return text.replace(r"\dfrac", r"\tfrac")


def tight(text: str) -> str:
    r"""Without blanks that LaTeX ignores; the one in ``\pi t`` and those of \text stay."""
    if re.search(r"\\(?:text|mbox)", text):
        return text
    return re.sub(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])|\s+", lambda m: f"{m[1]} " if m[1] else "", text)


def sized(text: str) -> str:
    r"""Round brackets with \left and \right, unless some have them already."""
    if r"\left" in text or text.count("(") != text.count(")"):
        return text
    return text.replace("(", r"\left(").replace(")", r"\right)")


def dotted(text: str) -> str:
    r"""A dot between a number and the letter or bracket behind it."""
    return re.sub(r"(?<![\d_^{.c])(\d+) ?(?=[a-zA-Z(])", r"\1 \\cdot ", text)


def slashed(text: str) -> str:
    """The only fraction, if of two digits or letters and at the end, with a slash."""
    return re.sub(r"^(-?)\\frac\{(\w)\}\{(\w)\}$", r"\1\2/\3", text)


def _setting(gold: Gold) -> Pairs:
    """LaTeX and Markdown around any answer; used by every kind, after its own rules."""
    text = gold.text
    yield "dollars inside the box", f"${text}$"
    yield "display style", rf"\displaystyle {text}"
    yield "full stop", f"{text}."
    yield "blanks", f"  {text}  "
    yield "box in the box", rf"\boxed{{{text}}}"
    yield "thin spaces around", rf"\,{text}\,"
    yield "line breaks", f"\n{text}\n"


def _sentence(gold: Gold) -> Pairs:
    yield "blanks doubled", gold.text.replace(" ", "  ")


_BY_KIND: dict[Kind, Callable[[Gold], Pairs]] = {
    **NUMBER_WRITINGS, "tuple": _tuple, "interval": _interval, "set": _set,
    "list": _list, "matrix": _matrix, "plus-minus": _plus_minus, "text": _text,
    "equation": _equation, "relation": _relation, "expression": _expression,
    "sentence": _sentence,
}  # fmt: skip
