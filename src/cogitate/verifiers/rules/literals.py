"""Values and calls as Python and JSON write them, read without running anything.

    value = number | string | name of a constant | "[" values "]" | "(" values ")" | "{" ... "}"
    call  = name ("." name)* "(" (value | name "=" value), ... ")"

``ast`` could read this too, but its parser warns through a global, and its limits differ between
versions of Python. This one reads one token after the other, to a fixed depth.
"""

import re
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 32
"""Deepest nesting of brackets."""
MAX_CHARS = 65_536
"""Longest text that is read."""
MAX_DIGITS = 300
"""Longest number, characters."""

_TOKEN = re.compile(
    r"""\s*+(?:
      (?P<number>[+-]?(?:\d[\d_]*+(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,3})?(?![\w.]))
    | (?P<name>[^\W\d]\w*+(?:\.[^\W\d]\w*+)*+)
    | (?P<string>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')
    | (?P<sign>[\[\](){},:=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|(\n)|(.))", re.DOTALL
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_CONSTANTS: dict[str, Any] = {
    "True": True, "true": True, "False": False, "false": False, "None": None, "null": None,
}  # fmt: skip


class LiteralError(ValueError):
    """The text is no value or call of this grammar; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the dotted name, arguments by position, arguments by name."""

    name: str
    positional: tuple[Any, ...]
    named: dict[str, Any]


def parse_literal(text: str) -> Any:
    """The one value that a text is: numbers, strings, constants, lists, tuples, sets, dicts.

    Sets come back as frozensets. Raises LiteralError.

    >>> parse_literal("{'a': [1, -2.5], 'b': (None, true)}")
    {'a': [1, -2.5], 'b': (None, True)}
    """
    reader = _Reader(text)
    value = reader.value(0)
    reader.end()
    return value


def parse_calls(text: str) -> list[Call]:
    """The calls that a text is: one, or several in a list or separated by commas or line ends.

    Raises LiteralError.

    >>> parse_calls("[area(r=2), math.add(1, b=2)]")[1]
    Call(name='math.add', positional=(1,), named={'b': 2})
    """
    reader = _Reader(text)
    bracketed = reader.take("[")
    calls: list[Call] = []
    while not (bracketed and reader.take("]")):
        calls.append(reader.call())
        separated = reader.take(",")
        if reader.at_end and not bracketed:
            return calls
        if bracketed and not separated:
            reader.expect("]")
            break
    reader.end()
    return calls


class _Reader:
    """Recursive descent over tokens; every method consumes what it names."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARS:
            raise LiteralError(f"longer than {MAX_CHARS:,} characters")
        self._text = text.rstrip().removesuffix(";").rstrip()
        self._position = 0
        self._token: re.Match[str] | None = None
        self._advance()

    @property
    def at_end(self) -> bool:
        return self._token is None

    def take(self, sign: str) -> bool:
        if self._token is None or self._token["sign"] != sign:
            return False
        self._advance()
        return True

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise LiteralError(f'"{sign}" was expected at character {self._position}')

    def end(self) -> None:
        if not self.at_end:
            raise LiteralError(f"something follows at character {self._position}")

    def value(self, depth: int) -> Any:
        token = self._current()
        if token["number"]:
            self._advance()
            return _number(token["number"])
        if token["string"]:
            return self._strings()
        if token["name"]:
            if token["name"] not in _CONSTANTS:
                raise LiteralError(f"{token['name'][:40]!r} is no value")
            self._advance()
            return _CONSTANTS[token["name"]]
        if depth >= MAX_DEPTH:
            raise LiteralError(f"nested more than {MAX_DEPTH} deep")
        if self.take("["):
            return self._items("]", depth)[0]
        if self.take("("):
            items, commas = self._items(")", depth)
            return items[0] if len(items) == 1 and not commas else tuple(items)
        self.expect("{")
        return self._braces(depth)

    def call(self) -> Call:
        name = self._name()
        self.expect("(")
        positional: list[Any] = []
        named: dict[str, Any] = {}
        while not self.take(")"):
            token = self._current()
            if token["name"] and token["name"] not in _CONSTANTS:
                key = self._name()
                self.expect("=")
                if key in named:
                    raise LiteralError(f'"{key[:40]}" is given twice')
                named[key] = self.value(1)
            elif named:
                raise LiteralError("an argument by position follows one by name")
            else:
                positional.append(self.value(1))
            if not self.take(","):
                self.expect(")")
                break
        return Call(name=name, positional=tuple(positional), named=named)

    def _braces(self, depth: int) -> Any:
        pairs: dict[Any, Any] = {}
        members: list[Any] = []
        while not self.take("}"):
            key = _hashable(self.value(depth + 1))
            if self.take(":"):
                if key in pairs:
                    raise LiteralError("a key is given twice")
                pairs[key] = self.value(depth + 1)
            else:
                members.append(key)
            if not self.take(","):
                self.expect("}")
                break
        if pairs and members:
            raise LiteralError("keys with and without values")
        return frozenset(members) if members else pairs

    def _items(self, closing: str, depth: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        commas = 0
        while not self.take(closing):
            items.append(self.value(depth + 1))
            if not self.take(","):
                self.expect(closing)
                break
            commas += 1
        return items, commas

    def _strings(self) -> str:
        """One string, or several side by side, which are one."""
        parts: list[str] = []
        while self._token is not None and self._token["string"]:
            parts.append(_ESCAPE.sub(_unescape, self._token["string"][1:-1]))
            self._advance()
        return "".join(parts)

    def _name(self) -> str:
        token = self._current()
        if not token["name"]:
            raise LiteralError(f"a name was expected at character {self._position}")
        self._advance()
        return token["name"]

    def _current(self) -> "re.Match[str]":
        if self._token is None:
            raise LiteralError("it ends too early")
        return self._token

    def _advance(self) -> None:
        if self._position >= len(self._text):
            self._token = None
            return
        self._token = _TOKEN.match(self._text, self._position)
        if self._token is None:
            raise LiteralError(f"nothing known at character {self._position}")
        self._position = self._token.end()


def _number(text: str) -> int | float:
    if len(text) > MAX_DIGITS:
        raise LiteralError(f"a number of more than {MAX_DIGITS} characters")
    digits = text.replace("_", "")
    value = int(digits) if digits.lstrip("+-").isdigit() else float(digits)
    if abs(value) == float("inf"):
        raise LiteralError("a number that is too large")
    return value


def _hashable(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise LiteralError("a list or a dict is no key and no member of a set")
    try:
        hash(value)
    except TypeError as error:
        raise LiteralError("something that can change is no key") from error
    return value


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        number = int(code, 16)
        if number > 0x10FFFF:
            raise LiteralError("a character that does not exist")
        return chr(number)
    return "" if match[4] else _ESCAPES.get(match[5], match[5])
