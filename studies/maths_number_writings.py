r"""Other writings of gold answers that are a number, alone or with a sign, a unit or a base."""

from collections.abc import Callable, Iterator
from fractions import Fraction

from latex_pieces import decimal_text, rational, unit_in_last_place
from maths_kinds import BASE, DEGREES, MONEY, PERCENT, UNIT, Gold, Kind

Pairs = Iterator[tuple[str, str]]


def _integer(gold: Gold) -> Pairs:
    value = rational(gold.text)
    assert value is not None
    number = value.numerator
    digits, sign = str(abs(number)), "-" if number < 0 else ""
    if len(digits) > 3:
        yield "thousands: comma", f"{number:,}"
        yield "thousands: braced comma", f"{number:,}".replace(",", "{,}")
        yield "thousands: thin space", f"{number:,}".replace(",", r"\,")
        yield "thousands: comma and negative space", f"{number:,}".replace(",", r",\!")
    yield "decimal point and zero", f"{number}.0"
    yield "unreduced fraction", rf"{sign}\frac{{{2 * abs(number)}}}{{2}}"
    yield "assignment", f"x = {number}"
    yield "unit added", rf"{number}\text{{ cm}}"
    yield "unit added, upright", rf"{number}\,\mathrm{{km}}"
    yield "text", rf"\text{{{number}}}"
    yield "bold", rf"\mathbf{{{number}}}"
    yield "full-width digits", sign + "".join(chr(ord(d) + 0xFEE0) for d in digits)
    if number >= 0:
        yield "currency added", rf"\${number}"
    else:
        yield "Unicode minus", f"\N{MINUS SIGN}{digits}"
    if number and len(digits) < 16:
        stripped = digits.rstrip("0")
        mantissa = stripped[0] + ("." + stripped[1:] if len(stripped) > 1 else "")
        yield "scientific", rf"{sign}{mantissa} \times 10^{{{len(digits) - 1}}}"


def _decimal(gold: Gold) -> Pairs:
    text, value = gold.text, rational(gold.text)
    assert value is not None
    sign, size = ("-", -value) if value < 0 else ("", value)
    exact = decimal_text(size) or str(size)
    yield "a zero more", text + "0"
    if size < 1:
        yield "no zero before the point", sign + exact.removeprefix("0")
    yield "fraction", _fraction_text(value)
    yield "slash", f"{value.numerator}/{value.denominator}"
    if size > 1 and value.denominator > 1:
        whole, rest = divmod(size.numerator, size.denominator)
        yield "mixed number", rf"{sign}{whole}\frac{{{rest}}}{{{size.denominator}}}"
    yield "scientific", _scientific(value, r"{m} \times 10^{{{p}}}")
    yield "assignment", f"x = {text}"
    yield "approximately", rf"\approx {text}"
    yield "unit added", rf"{text}\text{{ cm}}"
    yield "unit added, upright", rf"{text} \, \mathrm{{m/s}}"
    yield "text", rf"\text{{{text}}}"
    yield from _finer(text, value)


def _finer(text: str, value: Fraction) -> Pairs:
    """More digits that round to the gold: what a careful solver writes down.

    The policy allows a rounded gold five per cent of error at most, so 0.2 stays what it is.
    """
    unit = unit_in_last_place(text)
    if unit and unit * Fraction(3, 10) < abs(value) / 20:
        for name, share in (("up", Fraction(3, 10)), ("down", Fraction(-3, 10))):
            if finer := decimal_text(value + share * unit):
                yield f"a digit more, rounds {name}", finer


def _scientific_gold(gold: Gold) -> Pairs:
    value = rational(gold.text)
    assert value is not None
    mantissa, _, power = gold.text.lower().partition("e")
    power = str(int(power))
    yield "times ten", rf"{mantissa} \times 10^{{{power}}}"
    yield "cdot ten", rf"{mantissa}\cdot 10^{{{power}}}"
    yield "Unicode times", f"{mantissa} \N{MULTIPLICATION SIGN} 10^{{{power}}}"
    yield "capital E", f"{mantissa}E{power}"
    shifted = Fraction(mantissa) * 10
    yield "point moved", rf"{decimal_text(shifted)} \times 10^{{{int(power) - 1}}}"
    yield "unit added", rf"{mantissa} \times 10^{{{power}}} \text{{ m}}"
    yield "unit added, upright", rf"{mantissa} \times 10^{{{power}}}\,\mathrm{{erg/s}}"
    yield "assignment", rf"E = {mantissa} \times 10^{{{power}}}"
    if int(power) < 0:
        yield "over a power", rf"\frac{{{mantissa}}}{{10^{{{-int(power)}}}}}"
    if -8 < int(power) < 16 and (plain := decimal_text(value)):
        yield "plain decimal", plain
    unit = unit_in_last_place(gold.text)
    if unit:
        finer = _scientific(value + unit * Fraction(3, 10), r"{m} \times 10^{{{p}}}")
        yield "a digit more, rounds up", finer


def _scientific(value: Fraction, pattern: str) -> str:
    """Mantissa and power with the point behind the first digit."""
    size, power = abs(value), 0
    while size >= 10:
        size, power = size / 10, power + 1
    while size and size < 1:
        size, power = size * 10, power - 1
    mantissa = ("-" if value < 0 else "") + (decimal_text(size) or "?")
    return pattern.format(m=mantissa, p=power)


def _fraction_text(value: Fraction, command: str = r"\frac") -> str:
    sign = "-" if value < 0 else ""
    return rf"{sign}{command}{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _fraction(gold: Gold) -> Pairs:
    value = rational(gold.text)
    assert value is not None
    top, bottom = value.numerator, value.denominator
    sign, size = ("-" if value < 0 else ""), abs(value)
    yield "frac", _fraction_text(value)
    yield "dfrac", _fraction_text(value, r"\dfrac")
    yield "tfrac", _fraction_text(value, r"\tfrac")
    yield "cfrac", _fraction_text(value, r"\cfrac")
    yield "slash", f"{top}/{bottom}"
    yield "slash, brackets", f"({top})/({bottom})"
    yield "spaced", rf"{sign}\frac {{ {size.numerator} }} {{ {bottom} }}"
    yield "unreduced", rf"{sign}\frac{{{3 * size.numerator}}}{{{3 * bottom}}}"
    yield "assignment", f"x = {_fraction_text(value)}"
    yield "unit added", rf"{_fraction_text(value)}\text{{ cm}}"
    if size.numerator < 10 and bottom < 10:
        yield "no braces", rf"{sign}\frac{size.numerator}{bottom}"
    if top < 0:
        yield "sign in the numerator", rf"\frac{{{top}}}{{{bottom}}}"
    if exact := decimal_text(value):
        yield "exact decimal", exact
    if size > 1:
        whole, rest = divmod(size.numerator, bottom)
        yield "mixed number", rf"{sign}{whole}\frac{{{rest}}}{{{bottom}}}"
        yield "mixed number, plain", f"{sign}{whole} {rest}/{bottom}"


# --- numbers with something ---------------------------------------------------------------------


def _percent(gold: Gold) -> Pairs:
    number = PERCENT.fullmatch(gold.text)["number"]  # type: ignore[index]
    value = Fraction(number) / 100
    yield "percent sign", rf"{number}\%"
    yield "percent sign, spaced", rf"{number} \%"
    yield "percent sign, not escaped", f"{number}%"
    yield "percent in words", rf"{number} \text{{ percent}}"
    yield "decimal", decimal_text(value) or str(value)
    yield "fraction", _fraction_text(value)
    yield "assignment", rf"p = {number}\%"
    yield "a zero more", rf"{number}{'0' if '.' in number else '.0'}\%"


def _money(gold: Gold) -> Pairs:
    number = MONEY.fullmatch(gold.text)["number"].replace(r"\!", "").replace(",", "")  # type: ignore[index]
    grouped = f"{int(number.partition('.')[0]):,}" + "".join(number.partition(".")[1:])
    yield "sign, spaced", rf"\$ {number}"
    yield "sign in text", rf"\text{{\${number}}}"
    yield "no grouping", rf"\${number}"
    yield "grouping", rf"\${grouped}"
    yield "grouping, braced", r"\$" + grouped.replace(",", "{,}")
    yield "in words", rf"{number} \text{{ dollars}}"
    yield "cents shown", rf"\${float(number):.2f}" if "." in number else rf"\${number}.00"
    yield "assignment", rf"x = \${number}"
    yield "sign behind", rf"{number}\$"


def _degrees(gold: Gold) -> Pairs:
    number = DEGREES.fullmatch(gold.text)["number"]  # type: ignore[index]
    yield "circ", rf"{number}^\circ"
    yield "circ, braced", rf"{number}^{{\circ}}"
    yield "degree sign", f"{number}\N{DEGREE SIGN}"
    yield "degree command", rf"{number}\degree"
    yield "in words", rf"{number} \text{{ degrees}}"
    yield "assignment", rf"\theta = {number}^\circ"
    yield "angle named", rf"\angle ABC = {number}^\circ"
    yield "a decimal zero", rf"{number}{'0' if '.' in number else '.0'}^\circ"


def _unit(gold: Gold) -> Pairs:
    match = UNIT.fullmatch(gold.text)
    assert match is not None
    number, name = match["number"], match["name"]
    power = f"^{match['power']}" if match["power"] else ""
    braced = f"^{{{match['power']}}}" if match["power"] else ""
    yield "text", rf"{number}\text{{ {name}}}{power}"
    yield "text, braced power", rf"{number} \text{{ {name}}}{braced}"
    yield "upright", rf"{number}\,\mathrm{{{name}}}{power}"
    yield "power inside", rf"{number}\ \mathrm{{{name}{braced}}}"
    yield "mbox", rf"{number}\mbox{{ {name}}}{braced}"
    yield "plain", f"{number} {name}{power}"
    yield "assignment", rf"A = {number}\text{{ {name}}}{power}"
    yield "decimal zero", rf"{number}.0\text{{ {name}}}{power}"


def _base(gold: Gold) -> Pairs:
    match = BASE.fullmatch(gold.text)
    assert match is not None
    digits, base = match["digits"], match["base"]
    yield "no braces", f"{digits}_{base}"
    yield "braces", f"{digits}_{{{base}}}"
    yield "spaced", f"{digits} _ {{{base}}}"
    yield "base in text", rf"{digits}_{{\text{{{base}}}}}"
    yield "digits in brackets", f"({digits})_{{{base}}}"
    yield "digits in text", rf"\text{{{digits}}}_{base}"
    yield "assignment", f"x = {digits}_{base}"


NUMBER_WRITINGS: dict[Kind, Callable[[Gold], Pairs]] = {
    "integer": _integer, "decimal": _decimal, "scientific": _scientific_gold,
    "fraction": _fraction, "percent": _percent, "money": _money, "degrees": _degrees,
    "unit": _unit, "base": _base,
}  # fmt: skip
