r"""Text of an answer -> what it is: ``read(r"\left[0, 1\right)")`` is a half-open interval.

Splitting looks at brackets once per level and levels are capped, so a reading costs time
proportional to the text times the cap.
"""

import re
from functools import lru_cache
from itertools import product

from cogitate.verifiers.maths.notation import canonical, is_number, is_text, text_content, tokens
from cogitate.verifiers.maths.splitting import (
    check_brackets,
    encloses,
    french_brackets,
    signed,
    split,
    split_with,
    trimmed,
    undress,
    with_bases,
    with_fractions,
    without_label,
)
from cogitate.verifiers.maths.syntax import parse_expression
from cogitate.verifiers.maths.trees import Malformed, TooLarge, Unevaluated
from cogitate.verifiers.maths.units import split_unit
from cogitate.verifiers.maths.values import (
    Infinite,
    Listing,
    Matrix,
    Opaque,
    Ratio,
    Relation,
    Scalar,
    Union,
    Value,
    Words,
)

MAX_CHARS = 4096
"""Characters of an answer."""
MAX_ITEMS = 64
"""Members of one list, set, tuple or matrix row."""
MAX_LEVELS = 12
"""Structures in structures (a set of tuples is two); expressions may nest deeper."""

_PAIRS = {
    ("(", ")"): "()", ("[", "]"): "[]", ("[", ")"): "[)", ("(", "]"): "(]",
    ("\\{", "\\}"): "{}", ("\\langle", "\\rangle"): "<>", ("{", "}"): "",
    ("<", ">"): "<>",
}  # fmt: skip
_SEPARATORS = frozenset([",", ";", "and", "or"])
_EQUALITIES = frozenset(["=", "\\approx", "\\equiv"])
_INEQUALITIES = frozenset(["<", ">", "\\le", "\\ge", "\\ne"])
_RELATIONS = _EQUALITIES | _INEQUALITIES | {"\\in"}
_TRIGONOMETRY = frozenset(f"\\{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc"))
_MAX_SIGNS = 3
_PUNCTUATION = " \t\r\n.,;:!?\"'"


def read(text: str, *, grouped: bool = True) -> Value:
    r"""What a text is. ``grouped`` reads ``1,000`` as a number, not as a list.

    Raises:
        TooLarge: beyond a cap; the message is the cap.
    """
    if len(text) > MAX_CHARS:
        raise TooLarge("length")
    parts = tokens(undress(text), grouped=grouped)
    check_brackets(parts)
    return _Reader().value(with_fractions(with_bases(without_label(parts))))


def is_answer_text(text: str) -> bool:
    """Whether anything can be seen in a text."""
    return bool(undress(text).strip(_PUNCTUATION + "$\\{}()[] "))


class _Reader:
    """One reading; the level guards against structures in structures."""

    def __init__(self) -> None:
        self.level = 0

    def value(self, parts: list[str]) -> Value:
        """What tokens are, lists included."""
        parts = french_brackets(trimmed(parts))
        if not parts:
            return Opaque("", "empty")
        items = split(parts, _SEPARATORS)
        if len(items) == 1:
            return self.one(parts)
        return self.listing("", items, joined="and" in parts)

    def listing(self, brackets: str, items: list[list[str]], *, joined: bool = False) -> Value:
        """Members between separators; those with a plus-minus count twice."""
        members: list[Value] = []
        for item in items:
            item = trimmed(item)
            if item:
                found = self.one(item)
                if isinstance(found, Listing) and not found.brackets and "\\pm" in item:
                    members += found.items
                else:
                    members.append(found)
        if len(members) > MAX_ITEMS:
            raise TooLarge("items")
        if len(members) == 1 and not brackets:
            return members[0]
        if joined and len(members) == 2 and all(isinstance(m, Relation) for m in members):
            chain = _chained(members[0], members[1])
            return Listing("", tuple(members)) if chain is None else chain
        return Listing(brackets, tuple(members))  # type: ignore[arg-type]

    def one(self, parts: list[str]) -> Value:
        """What tokens without a separator at their top level are."""
        if parts == ["\\ldots"]:
            return Opaque("\\ldots")
        self.level += 1
        if self.level > MAX_LEVELS:
            raise TooLarge("depth")
        for reading in (
            self.relation,
            self.plus_minus,
            self.union,
            self.matrix,
            self.bracketed,
            self.words,
            self.ratio,
            self.scalar,
        ):
            found = reading(parts)
            if found is not None:
                break
        else:
            raise AssertionError("the last reading takes anything")
        self.level -= 1
        return found

    def plus_minus(self, parts: list[str]) -> Value | None:
        """All choices of signs; a minus-plus is the opposite of the plus-minus before it."""
        if "\\pm" not in parts and "\\mp" not in parts:
            return None
        if parts[0] == "\\{" and encloses(parts):
            return None
        count = parts.count("\\pm")
        if not 1 <= count <= _MAX_SIGNS:
            return Opaque(canonical(parts), "plus-minus")
        choices = product("+-", repeat=count)
        items = [self.value(signed(parts, choice)) for choice in choices]
        return Listing("", tuple(items))

    def relation(self, parts: list[str]) -> Value | None:
        sides, operators = split_with(parts, _RELATIONS)
        if not operators:
            return None
        if len(sides) > MAX_ITEMS:
            raise TooLarge("items")
        if not sides[0]:
            # "= 5" and "\approx 5" continue what the text around them says.
            if operators[0] not in ("=", "\\approx"):
                return Opaque(canonical(parts), "relation")
            sides, operators = sides[1:], operators[1:]
            if not operators:
                return self.one(trimmed(sides[0])) if trimmed(sides[0]) else None
        if any(not side for side in sides):
            return Opaque(canonical(parts), "relation")
        if operators == ["\\in"]:
            return self.value(sides[1])
        if "\\in" in operators or "\\equiv" in operators:
            return Opaque(canonical(parts), "relation")
        names = tuple(operators)
        read = tuple(self.value(side) for side in sides)
        last = read[-1]
        if isinstance(last, Listing) and last.brackets == "" and names in (("=",), ("\\approx",)):
            return Listing("", tuple(Relation(names, (read[0], item)) for item in last.items))
        return Relation(names, read)

    def union(self, parts: list[str]) -> Value | None:
        if "\\cup" not in parts and "\\setminus" not in parts:
            return None
        pieces = split(parts, frozenset(["\\cup"]))
        whole, *removed = split(pieces[-1], frozenset(["\\setminus"]))
        if len(pieces) == 1 and not removed:
            return None
        if removed and len(pieces) > 1:
            return Opaque(canonical(parts), "union")
        if len(pieces) > MAX_ITEMS:
            raise TooLarge("items")
        read = [self.value(french_brackets(p)) for p in (*pieces[:-1], whole)]
        return Union(tuple(read), tuple(self.value(r) for r in removed))

    def matrix(self, parts: list[str]) -> Value | None:
        if not parts[0].startswith("\\begin{"):
            return None
        name = parts[0][7:-1]
        if parts[-1] != f"\\end{{{name}}}" or parts.count(parts[-1]) > 1 or name == "cases":
            return Opaque(canonical(parts), "environment")
        rows = [split(row, frozenset("&")) for row in split(parts[1:-1], frozenset(["\\\\"]))]
        rows = [row for row in rows if row != [[]]]
        if len(rows) > MAX_ITEMS or any(len(row) > MAX_ITEMS for row in rows):
            raise TooLarge("items")
        cells = tuple(tuple(self.value(cell) for cell in row) for row in rows)
        return Matrix(cells, name == "vmatrix")

    def bracketed(self, parts: list[str]) -> Value | None:
        brackets = _PAIRS.get((parts[0], parts[-1]))
        if brackets is None or not encloses(parts):
            return Listing("{}", ()) if parts == ["\\emptyset"] else None
        inner = parts[1:-1]
        if brackets == "":
            return self.value(inner)
        if not inner:
            return Listing(brackets, ())  # type: ignore[arg-type]
        if brackets == "{}" and any(p in inner for p in ("\\mid", "|", ":")):
            return Opaque(canonical(parts), "set by a rule")
        items = split(inner, frozenset([",", ";"]))
        if len(items) > 1 or brackets == "{}":
            return self.listing(brackets, items)
        if brackets == "[]":
            return Listing("[]", (self.value(inner),))
        if inner[0].startswith("\\begin{"):
            return self.matrix(inner)
        return self.value(inner) if brackets == "()" and is_text(inner[0]) else None

    def words(self, parts: list[str]) -> Value | None:
        """Text: \\text{} alone, or words in plain letters."""
        if any(is_text(p) and any(c.isdigit() for c in p) for p in parts) and len(parts) == 1:
            return self.number_in_words(parts[0])
        plain = all(
            is_text(p) or (p.isalpha() and (len(p) > 1 or len(parts) > 1)) or p in "-'.:()!?&_"
            for p in parts
        )
        if not plain:
            return None
        if not any(is_text(p) for p in parts) and not _is_word(parts):
            return None
        if any(is_text(p) and "," in p for p in parts) and len(parts) == 1:
            return self.words_listed(text_content(parts[0]))
        raw = " ".join(text_content(p) if is_text(p) else p for p in parts)
        return Words(fold(raw), raw)

    def words_listed(self, content: str) -> Value:
        members = [Words(fold(w), w.strip()) for w in re.split(r",| and ", content) if w.strip()]
        if len(members) > MAX_ITEMS:
            raise TooLarge("items")
        return Listing("", tuple(members))

    def number_in_words(self, part: str) -> Value:
        r"""``\text{10 cm}`` holds mathematics."""
        content = text_content(part)
        inner = tokens(content)
        if inner != [part] and is_number(inner[0]):
            found = self.value(inner)
            if not isinstance(found, Opaque):
                return found
        return Words(fold(content), content)

    def ratio(self, parts: list[str]) -> Value | None:
        if ":" not in parts:
            return None
        sides = split(parts, frozenset(":"))
        if len(sides) < 2 or any(not side for side in sides) or len(sides) > MAX_ITEMS:
            return None
        read = tuple(self.value(side) for side in sides)
        return Ratio(read) if all(isinstance(side, Scalar) for side in read) else None

    def scalar(self, parts: list[str]) -> Value:
        angle = "\u00b0" in parts and not _TRIGONOMETRY.isdisjoint(parts)
        body, unit = (parts, "") if angle else split_unit(parts)
        signless = body[1:] if body[:1] in (["+"], ["-"]) else body
        if signless == ["\\infty"]:
            return Infinite(body[0] == "-")
        if body == ["\\mathbb{R}"]:
            return Listing("()", (Infinite(True), Infinite(False)))
        if len(body) > 3 and body[0] == "(" and body[2:4] == [")", "_"]:
            body = [body[1], *body[3:]]  # (52)_8
        try:
            return Scalar(parse_expression(body), unit, canonical(body))
        except TooLarge:
            raise
        except Unevaluated as problem:
            return Opaque(canonical(parts), f"unevaluated {problem}")
        except Malformed as problem:
            return Opaque(canonical(parts), str(problem))


def _chained(left: Value, right: Value) -> Value | None:
    """``x > 1 and x < 2`` as 1 < x < 2."""
    if not isinstance(left, Relation) or not isinstance(right, Relation):
        return None
    first, second = _rising(left), _rising(right)
    if first is None or second is None:
        return None
    if first.sides[0] == second.sides[1]:
        first, second = second, first
    if first.sides[1] != second.sides[0] or not isinstance(first.sides[1], Scalar):
        return None
    return Relation(first.operators + second.operators, (*first.sides, second.sides[1]))


def _rising(relation: Relation) -> Relation | None:
    """A single inequality written with < or <=."""
    if len(relation.operators) != 1 or relation.operators[0] not in ("<", ">", "\\le", "\\ge"):
        return None
    if relation.operators[0] in ("<", "\\le"):
        return relation
    operator = "<" if relation.operators[0] == ">" else "\\le"
    return Relation((operator,), (relation.sides[1], relation.sides[0]))


def _is_word(parts: list[str]) -> bool:
    """Whether bare letters are words and no product: some lower-case run of 4 letters, or capitals
    alone."""
    if len(parts) == 1:
        return len(parts[0]) > 3 or (len(parts[0]) > 1 and not parts[0].islower())
    return any(len(part) > 3 for part in parts)


@lru_cache(maxsize=1024)
def fold(text: str) -> str:
    """Text for comparison: one case, no punctuation at its ends, single blanks, no articles.

    >>> fold(" The Ellipse. "), fold("(C)")
    ('ellipse', 'c')
    """
    text = " ".join(text.replace("\\", " ").replace("~", " ").casefold().split())
    text = text.strip(_PUNCTUATION + "()[]{}*$")
    return re.sub(r"^(?:the|a|an) (?=\S)", "", text)
