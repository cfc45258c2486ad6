r"""Text of an answer -> what it is: ``read(r"\left[0, 1\right)")`` is a half-open interval.

Splitting looks at brackets once per level and levels are capped, so a reading costs time
proportional to the text times the cap.
"""

import re
from functools import lru_cache
from itertools import product

from cogitate.verifiers.maths.notation import canonical, is_number, is_text, text_content, tokens
from cogitate.verifiers.maths.syntax import Malformed, TooLarge, Unevaluated, parse_expression
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
MAX_BRACKETS = 64
"""Brackets and braces inside each other."""

_OPEN = frozenset(["(", "[", "{", "\\{", "\\langle", "\\lfloor", "\\lceil", "\\lVert"])
_CLOSE = frozenset([")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil", "\\rVert"])
_PAIRS = {
    ("(", ")"): "()", ("[", "]"): "[]", ("[", ")"): "[)", ("(", "]"): "(]",
    ("\\{", "\\}"): "{}", ("\\langle", "\\rangle"): "<>", ("{", "}"): "",
    ("<", ">"): "<>",
}  # fmt: skip
_SEPARATORS = frozenset([",", ";", "and", "or"])
_EQUALITIES = frozenset(["=", "\\approx", "\\equiv"])
_INEQUALITIES = frozenset(["<", ">", "\\le", "\\ge", "\\ne"])
_RELATIONS = _EQUALITIES | _INEQUALITIES | {"\\in"}
_MAX_SIGNS = 4
_SPACES = ("\\,", "\\;", "\\.")
_FENCES = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("`", "`"),
           ('"', '"'), ("\u201c", "\u201d"))  # fmt: skip
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
    return _Reader().value(parts)


def undress(text: str) -> str:
    r"""Without math delimiters, bold type, quotes and a full stop around the whole.

    >>> undress("$$ 42 $$"), undress("**73**."), undress(r"\\(x\\)")
    ('42', '73', 'x')
    """
    text = text.strip()
    for _ in range(4):
        before = text
        if text.endswith((".", "\u3002", ",", ";")) and not text.endswith(("...", *_SPACES)):
            text = text[:-1].rstrip()
        for start, end in _FENCES:
            if (
                len(text) > len(start + end)
                and text.startswith(start)
                and text.endswith(end)
                and start not in text[len(start) : -len(end)]
            ):
                text = text[len(start) : -len(end)].strip()
        if text == before:
            break
    return text


def check_brackets(parts: list[str]) -> None:
    """Refuse what nests deeper than MAX_BRACKETS.

    Raises:
        TooLarge: it does.
    """
    depth = 0
    for part in parts:
        depth += (part in _OPEN) - (part in _CLOSE)
        if depth > MAX_BRACKETS:
            raise TooLarge("depth")


def is_answer_text(text: str) -> bool:
    """Whether anything can be seen in a text."""
    return bool(undress(text).strip(_PUNCTUATION + "$\\{}()[] "))


class _Reader:
    """One reading; the level guards against structures in structures."""

    def __init__(self) -> None:
        self.level = 0

    def value(self, parts: list[str]) -> Value:
        """What tokens are, lists included."""
        self.level += 1
        if self.level > MAX_LEVELS:
            raise TooLarge("depth")
        try:
            parts = trimmed(parts)
            if not parts:
                return Opaque("", "empty")
            parts = french_brackets(parts)
            items = split(parts, _SEPARATORS)
            if len(items) == 1:
                return self.one(parts)
            return self.listing("", items, joined="and" in parts)
        finally:
            self.level -= 1

    def listing(self, brackets: str, items: list[list[str]], *, joined: bool = False) -> Value:
        """Members between separators; those with a plus-minus count twice."""
        members: list[Value] = []
        for item in items:
            item = trimmed(item)
            if item:
                found = self.one(item)
                bare = isinstance(found, Listing) and not found.brackets
                members += found.items if bare and "\\pm" in item else [found]
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
        for reading in (self.relation, self.plus_minus, self.union, self.matrix, self.bracketed, self.words, self.ratio):
            found = reading(parts)
            if found is not None:
                return found
        return self.scalar(parts)

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
        items = [self.one(_signed(parts, choice)) for choice in choices]
        return Listing("", tuple(items))

    def relation(self, parts: list[str]) -> Value | None:
        sides, operators = split_with(parts, _RELATIONS)
        if not operators:
            return None
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
        names = tuple("=" if o == "\\approx" else o for o in operators)
        read = tuple(self.value(side) for side in sides)
        last = read[-1]
        if isinstance(last, Listing) and last.brackets == "" and names == ("=",):
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
        body, unit = split_unit(parts)
        signless = body[1:] if body[:1] in (["+"], ["-"]) else body
        if signless == ["\\infty"]:
            return Infinite(body[0] == "-")
        if body == ["\\mathbb{R}"]:
            return Listing("()", (Infinite(True), Infinite(False)))
        if body and body[-1] == "°":
            body, unit = body[:-1], unit or "°"
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


def trimmed(parts: list[str]) -> list[str]:
    """Without punctuation at the ends and braces around the whole."""
    start, end = 0, len(parts)
    while start < end and parts[start] in (".", ",", ";", ":"):
        start += 1
    while end > start and parts[end - 1] in (".", ",", ";", ":", "\\\\"):
        end -= 1
    parts = parts[start:end]
    while len(parts) > 2 and parts[0] == "{" and parts[-1] == "}" and encloses(parts):
        parts = parts[1:-1]
    if parts[:1] in (["\\boxed"], ["\\fbox"]) and len(parts) > 1:
        return trimmed(parts[1:])
    return parts


def encloses(parts: list[str]) -> bool:
    """Whether the first bracket closes at the very end."""
    depth = 0
    last = len(parts) - 1
    for at, part in enumerate(parts):
        depth += (part in _OPEN or (at == 0 and part == "<")) - (part in _CLOSE or (at == last and part == ">"))
        if depth == 0:
            return at == last
    return False


def french_brackets(parts: list[str]) -> list[str]:
    """``]0,1[`` as ``(0,1)``."""
    if not parts or (parts[0] != "]" and parts[-1] != "["):
        return parts
    parts = list(parts)
    edges = [-1, *(at for at, part in enumerate(parts) if part == "\\cup"), len(parts)]
    for left, right in zip(edges, edges[1:], strict=False):
        if right - left > 2:
            if parts[left + 1] == "]":
                parts[left + 1] = "("
            if parts[right - 1] == "[":
                parts[right - 1] = ")"
    return parts


def split(parts: list[str], marks: frozenset[str]) -> list[list[str]]:
    """``parts`` between ``marks`` outside of brackets."""
    return split_with(parts, marks)[0]


def split_with(parts: list[str], marks: frozenset[str]) -> tuple[list[list[str]], list[str]]:
    """The pieces and the marks between them."""
    pieces: list[list[str]] = [[]]
    found: list[str] = []
    depth = 0
    for part in parts:
        if part in _OPEN or part.startswith("\\begin{"):
            depth += 1
        elif part in _CLOSE or part.startswith("\\end{"):
            depth -= 1
        elif depth == 0 and part in marks:
            pieces.append([])
            found.append(part)
            continue
        pieces[-1].append(part)
    return pieces, found


def _signed(parts: list[str], choice: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    signs = iter(choice)
    sign = "+"
    for part in parts:
        if part == "\\pm":
            sign = next(signs)
        if part in ("\\pm", "\\mp"):
            found.append(sign if part == "\\pm" else "-" if sign == "+" else "+")
        else:
            found.append(part)
    return found[1:] if found[0] == "+" else found


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
