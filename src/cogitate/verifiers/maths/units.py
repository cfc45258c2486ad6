"""Units behind a number: which words are units, and when two units are the same."""

import re

from cogitate.verifiers.maths.notation import is_text, is_whole, text_content, words

_GROUPS = """
mm millimeter millimetre|cm centimeter centimetre|dm decimeter|m meter metre|km kilometer kilometre
in inch inche|ft foot feet|yd yard|mi mile|ly lightyear|nm nanometer|µm um micrometer micron
mg milligram|g gram|kg kilogram|lb lbs pound|oz ounce|t ton tonne
s sec second|min minute|h hr hour|day|week|wk|month|yr year|ms millisecond
ml mL milliliter millilitre|l L liter litre|gal gallon|cup|quart|pint
km/h kmh kmph kph kilometerperhour|mph mileperhour mi/h|m/s mps meterpersecond
usd dollar buck|cent ¢|eur euro|gbp|yuan rmb 元 cny|rupee inr|yen jpy
n newton|j joule|kj|w watt|kw|kwh|pa pascal|hz hertz|v volt|a amp ampere|ohm|K kelvin|mol mole
rad radian|° degree deg|°c celsius|°f fahrenheit|% percent|unit|erg|ev|cal calorie
"""
_SAME = {
    name.lower() if len(name) > 2 else name: group[0]
    for line in _GROUPS.strip().splitlines()
    for group in [part.split() for part in line.split("|")]
    for name in group
}
# A line of _GROUPS may hold several units without a bar between the first two of them.
_CURRENCIES = {"\\$": "usd", "\u20ac": "eur", "\u00a3": "gbp", "\u00a5": "jpy"}
_NOUNS = words(
    r"""
    people person student child children apple orange egg book page car bus marble ball coin
    ticket point step way time square cube triangle side vertex vertices edge face digit
    number integer solution value pair set team game player girl boy man men woman women
    worker item box bag bottle cookie candy piece slice card pen pencil tree flower fish cat
    dog bird chicken animal question problem mark score term factor number pounds acre block
    lap trip ride seat row column tile brick gift shirt shoe toy stamp sticker house room
    floor window door word letter line
    """
)
_NOT_UNITS = words(
    r"""
    or and not no none if is are was isn but nor either neither maybe perhaps about
    approximately approx around roughly nearly almost when where for with without plus minus
    times mod modulo than less more most least exactly only to from over under between
    through as the value answer wrong false true incorrect correct thousand million billion
    trillion hundred thousands millions billions dozen dozens score pair pairs twice half
    halves third thirds quarters fourth fifth tenth tenths hundredth hundredths thousandth
    thousandths double triple squared cubed square cubic factorial inverse reciprocal root
    power th st nd rd base binary octal hexadecimal basis points percentage except unless
    otherwise versus vs then remainder choose pi infinity on off up down positive negative
    opposite ish bn mn quarter
    """
)
# A unit is words of letters with whole exponents, and strokes or dots between them.
_WORD = r"[^\W\d_]+(?:\^?-?\d(?!\d))?"
_SHAPE = re.compile(
    rf"[\u00b0]?\s*{_WORD}\.?(?:\s*[/*.\u00b7-]\s*{_WORD}|\s+{_WORD})*\.?|\u00b0|[\u20ac\u00a3\u00a5\u00a2]"
)
_DIMENSION = re.compile(r"^(?:sq|square|squared)\b\.?\s*|^(?:cu|cubic)\b\.?\s*", re.IGNORECASE)


def split_unit(parts: list[str]) -> tuple[list[str], str]:
    r"""Tokens without the unit at their end, and that unit in one spelling ("" if there is none).

    >>> split_unit(["864", "\\text{inches}", "^", "2"]), split_unit(["5", "x"])
    ((['864'], 'in^2'), (['5', 'x'], ''))
    """
    parts, sign = _without_currency(parts)
    start = len(parts)
    while start > 1 and _is_unit_part(parts, start - 1):
        start -= 1
    while start < len(parts) and not _begins_unit(parts[start]):
        start += 1
    if start == len(parts) or start == 0:
        return parts, sign
    words = [text_content(p) if is_text(p) else p for p in parts[start:]]
    unit = unit_name(" ".join(words))
    return (parts, sign) if unit is None else (parts[:start], unit or sign)


def unit_name(text: str) -> str | None:
    """One spelling of a unit, or None if the words are not those of a unit.

    >>> unit_name("square feet"), unit_name("cm ^ 2"), unit_name("miles per hour")
    ('ft^2', 'cm^2', 'mph')
    """
    text = (
        text.replace("{", " ").replace("}", " ").replace("\\", "").replace(" per ", "/").strip(" .")
    )
    power = ""
    if found := _DIMENSION.match(text):
        power = "^2" if found.group()[:2].lower() == "sq" else "^3"
        text = text[found.end() :]
    text = re.sub(r"\s*([/^*])\s*", r"\1", text)
    text = re.sub(r"\s+squared$", "^2", re.sub(r"\s+cubed$", "^3", text))
    text = re.sub(r"\^\s+(?=[-\d])", "^", text)
    words = re.findall(r"[^\W\d_]+", text)
    if len(words) > 5 or not _SHAPE.fullmatch(text):
        return None
    if any(w.lower() in _NOT_UNITS or (len(w) == 1 and w not in _SAME) for w in words):
        return None
    name = "/".join("*".join(_one_unit(w) for w in side.split()) for side in text.split("/"))
    return _SAME.get(name, name) + power


def _one_unit(word: str) -> str:
    base, mark, power = word.partition("^")
    return _singular(base) + mark + power


def _singular(word: str) -> str:
    for form in (word, word.lower(), word.lower().rstrip(".")):
        if form in _SAME:
            return _SAME[form]
        for ending in ("s", "es"):
            if form.endswith(ending) and form[: -len(ending)] in _SAME:
                return _SAME[form[: -len(ending)]]
    word = word.lower()
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


def is_unit_word(word: str) -> bool:
    """Whether a bare word, outside of \\text{}, is a known unit or a thing one counts."""
    if len(word) < 2:
        return False
    low = word.lower()
    stems = (low, low.removesuffix("s"), low.removesuffix("es"))
    return any(stem in _NOUNS or stem in _SAME for stem in stems) or word in _SAME


def _begins_unit(part: str) -> bool:
    return is_text(part) or part in ("°", "¢", "元", "€", "£", "¥") or is_unit_word(part)


def _is_unit_part(parts: list[str], at: int) -> bool:
    part = parts[at]
    if _begins_unit(part):
        return True
    if part in ("/", "^", "{", "}", "*", "-", "per") or (is_whole(part) and parts[at - 1] in "^{-"):
        return any(_begins_unit(p) for p in parts[1:at])
    if len(part) == 1 and part.isalpha() and parts[at - 1] in ("°", "/"):
        return any(_begins_unit(p) for p in parts[1:at])
    return False


def _without_currency(parts: list[str]) -> tuple[list[str], str]:
    """Without a currency sign at an end, and what it stands for."""
    for at in (0, -1) if len(parts) > 1 else ():
        if parts[at] in _CURRENCIES:
            rest = parts[1:] if at == 0 else parts[:-1]
            return rest, _CURRENCIES[parts[at]]
        if at == 0 and parts[0] in "+-" and parts[1] == "\\$":
            return [parts[0], *parts[2:]], "usd"
    return parts, ""


def same_unit(gold: str, answer: str, *, strict: bool) -> bool:
    """Whether an answer's unit fits: any where gold has none; the same, or none unless ``strict``.

    Degrees and angles in words are one unit; there is no conversion between units.
    """
    if not gold or gold == answer:
        return True
    return not answer and (not strict or gold in ("°", "usd"))
