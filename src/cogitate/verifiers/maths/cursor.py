"""A place in a list of tokens, and the names that can be read from there without a grammar."""

from cogitate.verifiers.maths.notation import GREEK, canonical, is_number, is_text
from cogitate.verifiers.maths.trees import Malformed, Node, TooLarge

MAX_DEPTH = 64
"""Nested brackets, braces and powers."""

SYMBOLS = frozenset(f"\\{name}" for name in GREEK) | {
    "\\ell", "\\hbar", "\\triangle", "\\angle", "\\pi", "\\infty", "\\mho", "\\odot", "\\star",
    "\\nabla", "\\perp", "\\parallel",
}  # fmt: skip
_CLOSERS = frozenset([")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil"])


class Cursor:
    """Tokens, where we are, and how deep in brackets; tokens may be cut up on the way."""

    __slots__ = ("at", "bars", "depth", "parts")

    def __init__(self, parts: list[str]) -> None:
        self.parts = list(parts)
        self.at = 0
        self.depth = 0
        self.bars = 0

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.parts[at] if at < len(self.parts) else ""

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise Malformed(f"expected {expected}")
        self.at += 1

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooLarge("depth")

    def raised_primes(self) -> str:
        if self.peek() != "^" or self.peek(1) not in ("'", "{"):
            return ""
        end = self.at + 1 + (self.peek(1) == "{")
        start = end
        while end < len(self.parts) and self.parts[end] == "'":
            end += 1
        if end == start or (self.peek(1) == "{" and self.parts[end : end + 1] != ["}"]):
            return ""
        self.at = end + (self.peek(1) == "{")
        return "'" * (end - start)

    def simple_arguments(self) -> bool:
        """Whether the bracket ahead holds single numbers and letters: x(t) is a function applied,
        n(n+1) a product. f, g and h are always functions."""
        ahead = 1
        while True:
            token = self.peek(ahead)
            simple = token and (is_number(token) or (len(token) == 1 and token.isalpha()))
            if not simple and token not in SYMBOLS:
                return False
            if self.peek(ahead + 1) != ",":
                return self.peek(ahead + 1) == ")"
            ahead += 2

    def subscript(self) -> str:
        """The text of a subscript or of a decorated group."""
        if self.peek() != "{":
            token = self.peek()
            if not token or token in _CLOSERS:
                raise Malformed("empty subscript")
            self.at += 1
            return _plain_name([token])
        depth, start = 0, self.at
        while self.at < len(self.parts):
            depth += {"{": 1, "}": -1}.get(self.peek(), 0)
            self.at += 1
            if depth == 0:
                return _plain_name(self.parts[start + 1 : self.at - 1])
        raise Malformed("open brace")

    def derivative(self) -> Node | None:
        r"""``\frac{dx}{dt}`` as one name, since its letters do not cancel."""
        if self.peek() != "{" or self.peek(1)[:1] not in ("d", "\\"):
            return None
        if self.peek(1)[0] == "\\" and self.peek(1) != "\\partial":
            return None
        try:
            top, bottom = self.subscript(), self.subscript()
        except Malformed:
            return None
        mark = "\\partial" if top.startswith("\\partial") else "d"
        if not bottom.startswith(mark) or bottom == mark:
            return None
        return ("sym", f"{top}/{bottom}")


def _plain_name(parts: list[str]) -> str:
    kept = [p[6:-1] if is_text(p) else p for p in parts if p not in ("{", "}")]
    return canonical(kept).replace(" ", "")
