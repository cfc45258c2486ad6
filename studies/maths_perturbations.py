r"""Wrong answers near a gold answer, by rule, each checked to differ from it.

Numbers are compared as exact rationals (and must lie outside the half unit in the last place that
a decimal gold allows); collections as multisets or sequences of their members; formulas are
changed in a way that changes the value for almost all values of their letters.
"""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from latex_pieces import decimal_text, factors, join_terms, rational, terms, unit_in_last_place
from maths_kinds import BASE, DEGREES, MATRIX, MONEY, NAME, PERCENT, UNIT, WORD, Gold
from maths_writings import Writing

Pairs = Iterator[tuple[str, str]]


def perturbations(gold: Gold) -> list[Writing]:
    """Distinct answers that are wrong for this gold."""
    seen: dict[str, Writing] = {}
    near: str | None = None
    for rule, answer in _BY_KIND[gold.kind](gold):
        if _differs(gold, answer):
            seen.setdefault(answer, Writing(rule=rule, answer=answer))
            near = near or answer
    if near is not None:
        for rule, answer, boxes in _hedges(gold, near):
            seen.setdefault(
                "\n".join((answer, *boxes)), Writing(rule=rule, answer=answer, boxes=boxes)
            )
    return list(seen.values())


def _differs(gold: Gold, answer: str) -> bool:
    """Whether an answer is surely not the gold: unequal as numbers, else unequal as text."""
    value, other = rational(gold.text), rational(answer)
    if value is not None and other is not None:
        unit = unit_in_last_place(gold.text)
        return abs(value - other) > (unit / 2 if unit else 0)
    return _squeezed(gold.text) != _squeezed(answer)


def _squeezed(text: str) -> str:
    return re.sub(r"\s|\\left(?![A-Za-z])|\\right(?![A-Za-z])|[{}]", "", text)


def _hedges(gold: Gold, near: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The gold beside something wrong, in ways that a careless reader lets pass."""
    text = gold.text
    if gold.kind in ("sentence", "equation", "relation"):
        yield "hedge: or", rf"{text} \text{{ or }} {near}", ()
        yield "hedge: two boxes", f"{text} or {near}", (text, near)
        return
    yield "hedge: or", rf"{text} \text{{ or }} {near}", ()
    yield "hedge: wrong first", rf"{near} \text{{ or }} {text}", ()
    yield "hedge: two boxes", f"{near} and {text}", (near, text)
    if gold.kind not in ("list", "set", "plus-minus"):  # a set of their members may be the same set
        yield "hedge: set", rf"\{{{near}, {text}\}}", ()
    if not NAME.fullmatch(near):  # z = m and I(1) = I(0) may be names with their value
        yield "hedge: chain", f"{near} = {text}", ()
    yield "hedge: not", rf"\text{{not }} {text}", ()
    yield "hedge: unequal", rf"\neq {text}", ()
    if gold.kind in ("integer", "decimal", "fraction", "scientific"):
        yield "hedge: less", f"< {text}", ()
        yield "hedge: at least", rf"\geq {text}", ()
        yield "hedge: unit slot, or", rf"{text}\text{{ or {near}}}", ()
        yield "hedge: unit slot, minus", rf"{text}\text{{ - {near}}}", ()
        yield "hedge: unit slot, over", rf"{text}\text{{ /{near}}}", ()
        if rational(text) not in (0, 1, -1):
            yield "unit slot: squared", rf"{text}\text{{ squared}}", ()
            yield "unit slot: multiplier", rf"{text}\text{{ thousand}}", ()
    if gold.kind not in ("interval", "matrix", "text", "tuple"):
        yield "hedge: range", rf"{text} \pm 1", ()


# --- numbers ------------------------------------------------------------------------------------


def _number(gold: Gold) -> Pairs:
    value = rational(gold.text)
    assert value is not None
    show = _shower(gold)
    unit = unit_in_last_place(gold.text)
    step = unit or Fraction(1, value.denominator)
    if gold.kind == "scientific" and not unit:  # 3e8 may be rounded to its one digit
        step = Fraction(10) ** int(re.split("[eE]", gold.text)[1])
    yield "one up", show(value + step)
    yield "one down", show(value - step)
    yield "sign flipped", show(-value)
    yield "times 100", show(value * 100)
    yield "over 100", show(value / 100)
    yield "times 10", show(value * 10)
    yield "over 10", show(value / 10)
    yield "doubled", show(value * 2)
    if value:
        yield "inverted", _fraction(1 / value)
    if unit:
        yield "rounds to its neighbour", show(value + unit * Fraction(7, 10))
    if value.denominator > 1 and not unit and gold.kind == "fraction":
        yield "rounded decimal", f"{float(value):.2f}"
        yield "rounded decimal, four places", f"{float(value):.4f}"
        yield "top off by one", _fraction_raw(value.numerator + 1, value.denominator)
        yield "bottom off by one", _fraction_raw(value.numerator, value.denominator + 1)
        yield "numerator only", str(value.numerator)
        yield "denominator only", str(value.denominator)
    if gold.kind == "integer":
        digits = str(abs(value.numerator))
        yield "digits reversed", digits[::-1].lstrip("0") or "0"
        yield "a digit too many", f"{gold.text}0"
        yield "a digit missing", digits[:-1] or "0"
        yield "a little more", f"{gold.text}.01"
        yield "half more", f"{gold.text}.5"
        yield "power", rf"{gold.text}^{{2}}" if abs(value) > 1 else "x"
        yield "other name", r"\text{none}"
    if unit and gold.kind == "decimal":
        places = len(gold.text.partition(".")[2])
        if places > 1:
            yield "truncated", gold.text[:-1]
        yield "point lost", gold.text.replace(".", "")
    if gold.kind == "scientific":
        mantissa, power = re.split("[eE]", gold.text)
        yield "power one more", rf"{mantissa} \times 10^{{{int(power) + 1}}}"
        yield "power one less", rf"{mantissa} \times 10^{{{int(power) - 1}}}"
        yield "power's sign", rf"{mantissa} \times 10^{{{-int(power)}}}"
        yield "power only", rf"10^{{{int(power)}}}" if mantissa != "1" else "1"
        yield "mantissa only", mantissa
    yield "square root", rf"\sqrt{{{gold.text}}}" if value not in (0, 1) else r"\pi"
    yield "times pi", rf"{gold.text}\pi" if value else r"\pi"


def _shower(gold: Gold) -> Callable[[Fraction], str]:
    def show(value: Fraction) -> str:
        if gold.kind == "scientific":
            return _scientific(value)
        if gold.kind in ("integer", "decimal"):
            return decimal_text(value) or _fraction(value)
        return _fraction(value)

    return show


def _scientific(value: Fraction) -> str:
    size, power = abs(value), 0
    while size >= 10:
        size, power = size / 10, power + 1
    while size and size < 1:
        size, power = size * 10, power - 1
    return ("-" if value < 0 else "") + rf"{decimal_text(size)} \times 10^{{{power}}}"


def _fraction(value: Fraction) -> str:
    return _fraction_raw(value.numerator, value.denominator)


def _fraction_raw(top: int, bottom: int) -> str:
    if bottom == 1:
        return str(top)
    return ("-" if top < 0 else "") + rf"\frac{{{abs(top)}}}{{{bottom}}}"


def _with_number(pattern: re.Pattern[str], form: str) -> Callable[[Gold], Pairs]:
    """Changes of the number in ``form``, which shows it with its sign or unit."""

    def change(gold: Gold) -> Pairs:
        match = pattern.fullmatch(gold.text)
        assert match is not None
        text = match["number"].replace(r"\!", "").replace(",", "")
        unit = unit_in_last_place(text) or Fraction(1)
        for rule, value in (
            ("one up", Fraction(text) + unit), ("one down", Fraction(text) - unit),
            ("times 100", Fraction(text) * 100), ("over 100", Fraction(text) / 100),
            ("doubled", Fraction(text) * 2), ("sign flipped", -Fraction(text)),
        ):  # fmt: skip
            yield rule, form.replace("#", decimal_text(value) or "0")
        if pattern is PERCENT:
            yield "sign dropped", text
            yield "per mille", rf"{text} \text{{ per mille}}"
            yield "hundredth, with the sign", rf"{decimal_text(Fraction(text) / 100)}\%"
        if pattern is DEGREES:
            yield "radians", rf"{text} \text{{ radians}}"
            yield "complement", rf"{decimal_text(180 - Fraction(text))}^\circ"
            yield "minutes", rf"{text}'"
        if pattern is MONEY:
            yield "cents", rf"{text} \text{{ cents}}"
            yield "percent", rf"{text}\%"

    return change


def _unit(gold: Gold) -> Pairs:
    match = UNIT.fullmatch(gold.text)
    assert match is not None
    number, name, power = match["number"], match["name"], match["power"]
    script = f"^{power}" if power else ""
    for rule, other in (("one up", int(number) + 1), ("one down", int(number) - 1),
                        ("doubled", 2 * int(number)), ("sign flipped", -int(number))):  # fmt: skip
        yield rule, rf"{other}\text{{ {name}}}{script}"
    yield "other unit", rf"{number}\text{{ {'m' if name != 'm' else 'km'}}}{script}"
    yield "other power", rf"{number}\text{{ {name}}}^{int(power or 1) + 1}"
    yield "no power", rf"{number}\text{{ {name}}}" if power else rf"{number}\text{{ {name}}}^3"
    yield "unrelated unit", rf"{number}\text{{ seconds}}"


def _base(gold: Gold) -> Pairs:
    match = BASE.fullmatch(gold.text)
    assert match is not None
    digits, base = match["digits"], int(match["base"])
    yield "other base", f"{digits}_{{{base + 1}}}"
    yield "other base, below", f"{digits}_{{{base - 1}}}"
    last = (int(digits[-1]) + 1) % base
    yield "last digit", f"{digits[:-1]}{last}_{{{base}}}"
    yield "first digit", f"{(int(digits[0]) % (base - 1)) + 1}{digits[1:]}_{{{base}}}"
    yield "digits reversed", f"{digits[::-1]}_{{{base}}}"
    yield "a digit too many", f"{digits}0_{{{base}}}"
    yield "a digit missing", f"{digits[:-1]}_{{{base}}}"
    yield "subscript as a power", f"{digits}^{{{base}}}"


_OTHER_WORDS = {"even": "odd", "odd": "even", "yes": "no", "no": "yes", "true": "false"}


def _text(gold: Gold) -> Pairs:
    word = WORD.fullmatch(gold.text)["word"].strip()  # type: ignore[index]
    letter = re.fullmatch(r"\(?([A-Z])\)?", word)
    if letter:
        for step in (1, 2, -1):
            other = chr((ord(letter[1]) - 65 + step) % 26 + 65)
            yield "other letter", rf"\text{{({other})}}"
            yield "other letter, bare", other
        yield "two letters", rf"\text{{({letter[1]}{chr((ord(letter[1]) - 64) % 26 + 65)})}}"
        return
    yield "other word", rf"\text{{{_OTHER_WORDS.get(word, 'neither')}}}"
    yield "a letter more", rf"\text{{{word}s}}"
    yield "a letter missing", rf"\text{{{word[:-1]}}}"
    yield "letters exchanged", rf"\text{{{word[1]}{word[0]}{word[2:]}}}"
    yield "negated", rf"\text{{not {word}}}"
    yield "both", rf"\text{{{word} and {_OTHER_WORDS.get(word, 'neither')}}}"
    yield "a number", "42"
    yield "empty word", r"\text{ }"


# --- collections --------------------------------------------------------------------------------


def _near(member: str) -> str:
    """Something close to one member of a collection."""
    value = rational(member)
    if value is not None:
        shown = value + Fraction(1, value.denominator)
        return _fraction(shown)
    left, equals, right = member.rpartition("=")
    changed = next((other for _, other in _formula_changes(right)), None)
    return left + equals + (changed or f"{right}+1")


def _members(gold: Gold, opening: str, closing: str, *, ordered: bool) -> Pairs:
    members = list(gold.members)

    def show(parts: list[str]) -> str:
        return f"{opening}{', '.join(parts)}{closing}"

    for i in (0, len(members) - 1):
        yield "a member changed", show([*members[:i], _near(members[i]), *members[i + 1 :]])
        if len(members) > 2:
            yield "a member dropped", show(members[:i] + members[i + 1 :])
    if len(members) > 1 and not ordered:
        yield "only the last member", members[-1]
        yield "only the first member", members[0]
    for rule, more in (("", _near(_near(members[-1]))), (" in front", _near(_near(members[0])))):
        if ordered or _squeezed(more) not in map(_squeezed, members):  # {1, 1, 2} is {1, 2}
            parts = [more, *members] if rule else [*members, more]
            yield f"a member too many{rule}", show(parts)
    for i, member in enumerate(members):
        value = rational(member)
        if value:
            flipped = show([*members[:i], _fraction(-value), *members[i + 1 :]])
            if ordered or -value not in {rational(m) for m in members}:
                yield "sign of a member", flipped
            break
    if ordered and members[::-1] != members:
        yield "order reversed", show(members[::-1])
    if ordered and members[0] != members[1]:
        yield "first two exchanged", show([members[1], members[0], *members[2:]])
    if len(members) == 2:
        yield "ellipsis", show([members[0], r"\ldots", members[1]])


def _tuple(gold: Gold) -> Pairs:
    yield from _members(gold, "(", ")", ordered=True)
    if len(gold.members) > 2:
        yield "as a set", rf"\{{{', '.join(gold.members)}\}}"


def _list(gold: Gold) -> Pairs:
    yield from _members(gold, "", "", ordered=False)
    if all(rational(m) is not None for m in gold.members):
        total = sum((rational(m) or Fraction(0) for m in gold.members), Fraction(0))
        yield "sum of the members", _fraction(total)
        if len(gold.members) > 3:
            yield "ends only", f"{gold.members[0]}, {gold.members[-1]}"


def _set(gold: Gold) -> Pairs:
    yield from _members(gold, r"\{", r"\}", ordered=False)


def _interval(gold: Gold) -> Pairs:
    text = re.sub(r"\\(?:left|right)(?![A-Za-z])\s*", "", gold.text)
    brackets = list(re.finditer(r"[(\[\])]", text))
    turned = {"(": "[", "[": "(", ")": "]", "]": ")"}
    for which, name in ((0, "first"), (-1, "last")):
        m = brackets[which]
        finite = r"\infty" not in text[max(0, m.start() - 8) : m.end() + 8]
        if finite:
            changed = text[: m.start()] + turned[m.group()] + text[m.end() :]
            yield f"{name} end open or closed", changed
    for i, match in enumerate(re.finditer(r"(?<![\d{])\d+(?![\d}])", text)):
        if i < 3:
            number = str(int(match.group()) + 1)
            yield "an end moved", text[: match.start()] + number + text[match.end() :]
    parts = re.split(r"\s*\\cup\s*", text)
    if len(parts) > 1:
        yield "a part dropped", parts[0]
        yield "the other part dropped", parts[-1]
        yield "intersection", r" \cap ".join(parts)
        if r"\infty" not in text:
            yield "difference", r" \setminus ".join(parts)
    if r"-\infty" in text:
        yield "lower end cut", text.replace(r"-\infty", "-100")
    elif r"\infty" in text:
        yield "upper end cut", text.replace(r"\infty", "100")
        yield "everything", r"(-\infty, \infty)"
    yield "all real numbers", r"\mathbb{R}"
    yield "empty", r"\emptyset"
    yield "a point", re.sub(r"[(\[\])]", "", parts[0].partition(",")[0]) or "0"


def _matrix(gold: Gold) -> Pairs:
    match = MATRIX.fullmatch(gold.text)
    assert match is not None
    rows = [[c.strip() for c in r.split("&")] for r in match["body"].split(r"\\") if r.strip()]

    def show(entries: list[list[str]]) -> str:
        body = r" \\ ".join(" & ".join(row) for row in entries)
        return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"

    for i in (0, len(rows) - 1):
        yield (
            "an entry changed",
            show([*rows[:i], [_near(rows[i][0]), *rows[i][1:]], *rows[i + 1 :]]),
        )
    yield "rows exchanged", show([rows[1], rows[0], *rows[2:]])
    yield "a row dropped", show(rows[:-1])
    yield "a row too many", show([*rows, rows[0]])
    transposed = [list(column) for column in zip(*rows, strict=True)]
    if transposed != rows:
        yield "transposed", show(transposed)
    flipped = [[c.removeprefix("-") if c.startswith("-") else f"-{c}" for c in r] for r in rows]
    yield "signs flipped", show(flipped)
    yield "first entry only", rows[0][0]


def _plus_minus(gold: Gold) -> Pairs:
    yield "plus only", gold.text.replace(r"\pm", "+")
    yield "minus only", gold.text.replace(r"\pm", "-")
    yield from _formula_changes(gold.text)


# --- formulas -----------------------------------------------------------------------------------


def _expression(gold: Gold) -> Pairs:
    text = gold.text
    yield from _formula_changes(text)
    if rational(text) is None and re.search(r"\d|[a-zA-Z]", text) and "," not in text:
        yield "one added", f"{text} + 1"
        yield "one subtracted", f"{text} - 1"
        yield "doubled", rf"2\left({text}\right)"
        yield "sign flipped", rf"-\left({text}\right)"
        yield "inverted", rf"\frac{{1}}{{{text}}}"
        yield "halved", rf"\frac{{{text}}}{{2}}"
        if len(product := factors(text.removeprefix("-"))) > 1:
            yield "last factor dropped", r" \cdot ".join(product[:-1])
            yield "first factor dropped", r" \cdot ".join(product[1:])


_ARBITRARY = re.compile(r"(?<![\\A-Za-z])[cC](?![A-Za-z])")


def _formula_changes(text: str) -> Pairs:
    """Small changes inside a formula."""
    parts = terms(text)
    if len(parts) > 1:
        for i in (len(parts) - 1, 0):
            sign, body = parts[i]
            if not _ARBITRARY.search(body):
                turned = ("-" if sign == "+" else "+", body)
                yield "sign of a term", join_terms([*parts[:i], turned, *parts[i + 1 :]])
                yield "a term dropped", join_terms([*parts[:i], *parts[i + 1 :]])
    numbers = list(re.finditer(r"(?<![\d_.])(?<!_\{)\d+(?![\d.])", text))
    for match in (*numbers[:2], *numbers[-1:]):
        power = re.search(r"\^\{?$", text[: match.start()]) is not None
        other = str(int(match.group()) + 1)
        yield "power" if power else "a number", text[: match.start()] + other + text[match.end() :]
    letters = [
        m for m in re.finditer(r"(?<![\\A-Za-z])[abmnpqrstvwxzKLMRNV](?![A-Za-z])", text)
        if not re.search(r"\\(?:text|mathrm|mbox)\s*\{[^{}]*$|_\{?[^{}]*$", text[: m.start()])
    ]  # fmt: skip
    if letters:
        letter = letters[0].group()
        other = next(o for o in "zwqmk" if o not in text)
        renamed = re.sub(rf"(?<![\\A-Za-z]){letter}(?![A-Za-z])", other, text)
        yield "another letter", renamed
    for before, after in ((r"\sin", r"\cos"), (r"\cos", r"\sin"), (r"\ln", r"\exp"), (r"\pi", "e"),
                          (r"\lfloor", r"\lceil"), (r"\pm", "+")):  # fmt: skip
        if re.search(re.escape(before) + r"(?![A-Za-z])", text):
            pattern, replacement = re.escape(before) + r"(?![A-Za-z])", after.replace("\\", r"\\")
            changed = re.sub(pattern, replacement, text, count=1)
            if before == r"\lfloor":
                changed = changed.replace(r"\rfloor", r"\rceil", 1)
            yield f"{before} as {after}", changed
    if re.search(r"\\sqrt\{\d+\}", text):
        yield "root lost", re.sub(r"\\sqrt\{(\d+)\}", r"\\left(\1\\right)", text, count=1)


def _equation(gold: Gold) -> Pairs:
    left, _, right = gold.text.rpartition("=")
    left, right = left.strip(), right.strip()
    value = rational(right)
    if value is not None:
        yield "one up", f"{left} = {_fraction(value + 1)}"
        yield "one down", f"{left} = {_fraction(value - 1)}"
        yield "doubled", f"{left} = {_fraction(2 * value)}"
        yield "sign flipped", f"{left} = {_fraction(-value)}"
        yield "a letter", f"{left} = x"
        if value:
            yield "a fraction", f"{left} = {_fraction(value / 3)}"
            return
    if value is None:
        for rule, other in _expression(Gold(text=right, kind="expression")):
            yield f"right side: {rule}", f"{left} = {other}"
    for rule, other in _formula_changes(left):
        if rule in ("sign of a term", "a term dropped", "a number"):
            yield f"left side: {rule}", f"{other} = {right}"
    if re.fullmatch(r"[A-Z]{2,}", left):
        yield "other names", f"{left} = {right[1:]}{right[0]}"
        yield "unequal", rf"{left} \neq {right}"
        if re.fullmatch(r"[A-Z]{2,}", right):
            yield "bare name", right


def _relation(gold: Gold) -> Pairs:
    sign = re.search(r"\\(?:geqslant|leqslant|geq|leq|ge|le)(?![A-Za-z])|[<>]", gold.text)
    if sign is None:
        return
    before, after = gold.text[: sign.start()], gold.text[sign.end() :]
    turned = "<" if sign.group().startswith((r"\g", ">")) else ">"
    yield "strict", f"{before}{'>' if turned == '<' else '<'}{after}"
    yield "turned", f"{before}{turned}{after}"
    yield "equal", f"{before}={after}"
    for rule, other in _formula_changes(after):
        yield rule, f"{before}{sign.group()} {other}"
    yield "end only", after.strip()


def _sentence(gold: Gold) -> Pairs:
    yield from _formula_changes(gold.text)
    yield "negated", rf"\text{{not }} {gold.text}"


_BY_KIND: dict[str, Callable[[Gold], Pairs]] = {
    "integer": _number, "decimal": _number, "scientific": _number, "fraction": _number,
    "percent": _with_number(PERCENT, r"#\%"), "money": _with_number(MONEY, r"\$#"),
    "degrees": _with_number(DEGREES, r"#^\circ"), "unit": _unit, "base": _base, "text": _text,
    "tuple": _tuple, "list": _list, "set": _set, "interval": _interval, "matrix": _matrix,
    "plus-minus": _plus_minus, "expression": _expression, "equation": _equation,
    "relation": _relation, "sentence": _sentence,
}  # fmt: skip
