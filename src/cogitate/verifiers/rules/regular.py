r"""Regular expressions whose search takes time proportional to the text, whatever the text is.

Python's ``re`` goes back and tries again, which a text made for the purpose can turn into years.
Here a pattern becomes a set of states that all advance together, one character at a time. The
price: no look-around and no back-references, which no such machine can do; a pattern with them is
refused. The rest of what ECMA 262 patterns in JSON schemas use is there: literals, escapes,
classes, ``. ^ $ \b \B``, groups, alternatives, ``* + ? {m,n}`` (lazy ones match the same texts).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_PATTERN_CHARS = 512
"""Longest pattern."""
MAX_STATES = 4000
"""Most states, after ``{m,n}`` has been written out."""
MAX_GROUP_DEPTH = 32
"""Deepest nesting of groups."""
MAX_CACHED = 4000
"""Transitions that are remembered."""

_COUNT = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_CLASS_ESCAPES = "dDwWsS"
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_HEX = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")

Test = Callable[[str], bool]


class PatternError(ValueError):
    """The pattern is not accepted; the message says why."""


@dataclass(slots=True)
class _State:
    """``test`` consumes a character on the way to ``out``; without it, ``out`` and ``other`` are
    reached for nothing, through an ``anchor`` if there is one."""

    test: Test | None = None
    anchor: str = ""
    out: int = -1
    other: int = -1


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the machine: where it starts, and the state whose ``out`` is still open."""

    start: int
    end: int


class Pattern:
    """A compiled pattern. Thread-safe: the cache holds only what any thread would compute.

    >>> Pattern("^(a|b)+c{2,3}$").search("abacc"), Pattern("(a+)+$").search("a" * 5000 + "b")
    (True, False)
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN_CHARS:
            raise PatternError(f"longer than {MAX_PATTERN_CHARS} characters")
        builder = _Builder(pattern)
        self._states = builder.states
        self._start, self._accept = builder.start, builder.accept
        self.num_states = len(builder.states)
        self._cache: dict[tuple[frozenset[int], str, str, bool], frozenset[int]] = {}

    def search(self, text: str) -> bool:
        """Whether the pattern matches anywhere in ``text``."""
        current: frozenset[int] = frozenset()
        previous = ""
        for character in text:
            current = self._closure(current, previous, character, at_start=previous == "")
            if self._accept in current:
                return True
            current = frozenset(
                state.out
                for state in map(self._states.__getitem__, current)
                if state.test is not None and state.test(character)
            )
            previous = character
        return self._accept in self._closure(current, previous, "", at_start=previous == "")

    def _closure(
        self, states: frozenset[int], previous: str, following: str, *, at_start: bool
    ) -> frozenset[int]:
        """All states reached without a character, the start of a new attempt included."""
        key = (states, _kind(previous), _kind(following), at_start)
        known = self._cache.get(key)
        if known is not None:
            return known
        reached: set[int] = set()
        waiting = [self._start, *states]
        while waiting:
            index = waiting.pop()
            if index < 0 or index in reached:
                continue
            reached.add(index)
            state = self._states[index]
            if state.test is None and _passes(state.anchor, previous, following):
                waiting += (state.out, state.other)
        found = frozenset(reached)
        if len(self._cache) < MAX_CACHED:
            self._cache[key] = found
        return found


def _kind(character: str) -> str:
    """What anchors see of a character: none at all, a word character, another one."""
    if not character:
        return ""
    return "w" if _is_word(character) else "-"


def _passes(anchor: str, previous: str, following: str) -> bool:
    if anchor == "^":
        return not previous
    if anchor == "$":
        return not following
    if anchor in ("b", "B"):
        edge = (_kind(previous) == "w") != (_kind(following) == "w")
        return edge is (anchor == "b")
    return True


class _Builder:
    """Recursive descent over the pattern; builds the states as it goes."""

    def __init__(self, pattern: str) -> None:
        self.states: list[_State] = []
        self._pattern = pattern
        self._position = 0
        part = self._alternatives(0)
        if self._position < len(pattern):
            raise PatternError('a ")" that closes nothing')
        self.start = part.start
        self.accept = self._add(_State())
        self.states[part.end].out = self.accept

    def _alternatives(self, depth: int) -> _Part:
        if depth > MAX_GROUP_DEPTH:
            raise PatternError(f"groups nested more than {MAX_GROUP_DEPTH} deep")
        part = self._sequence(depth)
        while self._take("|"):
            other = self._sequence(depth)
            end = self._add(_State())
            start = self._add(_State(out=part.start, other=other.start))
            self.states[part.end].out = self.states[other.end].out = end
            part = _Part(start, end)
        return part

    def _sequence(self, depth: int) -> _Part:
        start = end = self._add(_State())
        while self._position < len(self._pattern) and self._pattern[self._position] not in "|)":
            part = self._repeated(depth)
            self.states[end].out = part.start
            end = part.end
        return _Part(start, end)

    def _repeated(self, depth: int) -> _Part:
        begun = self._position
        part = self._atom(depth)
        low, high = self._bounds()
        if (low, high) == (1, 1):
            return part
        self._take("?")  # lazy: the same texts match
        if self._peek() and self._peek() in "*+?":
            raise PatternError("a repetition of a repetition, or a possessive one")
        resume = self._position
        start = end = self._add(_State())
        copies = low + 1 if high is None else max(high, 1)
        for number in range(copies):
            self._position = begun
            copy = part if number == 0 else self._atom(depth)
            if number < low:
                self.states[end].out = copy.start
                end = copy.end
            elif high is None:
                loop = self._add(_State(out=copy.start))
                after = self._add(_State())
                self.states[loop].other = after
                self.states[copy.end].out = loop
                self.states[end].out = loop
                end = after
            else:
                after = self._add(_State())
                fork = self._add(_State(out=copy.start if high else after, other=after))
                self.states[copy.end].out = after
                self.states[end].out = fork
                end = after
        self._position = resume
        return _Part(start, end)

    def _bounds(self) -> tuple[int, int | None]:
        if self._take("*"):
            return 0, None
        if self._take("+"):
            return 1, None
        if self._take("?"):
            return 0, 1
        match = _COUNT.match(self._pattern, self._position)
        if match is None:
            return 1, 1
        self._position = match.end()
        low = int(match[1])
        high = low if not match[2] else int(match[3]) if match[3] else None
        if high is not None and high < low:
            raise PatternError("a repetition whose upper bound is below the lower one")
        return low, high

    def _atom(self, depth: int) -> _Part:
        character = self._next()
        if character == "(":
            self._group_start()
            part = self._alternatives(depth + 1)
            if not self._take(")"):
                raise PatternError('a "(" is not closed')
            return part
        if character in "*+?":
            raise PatternError("a repetition of nothing")
        if character in "^$":
            return self._single(_State(anchor=character))
        if character == ".":
            return self._single(_State(test=lambda c: c not in "\n\r\u2028\u2029"))
        if character == "[":
            return self._single(_State(test=self._class()))
        if character == "\\":
            return self._single(self._escape())
        return self._single(_State(test=character.__eq__))

    def _group_start(self) -> None:
        if not self._take("?"):
            return
        if self._take(":"):
            return
        if re.compile(r"P?<[A-Za-z_]\w*>").match(self._pattern, self._position):
            self._position = self._pattern.index(">", self._position) + 1
            return
        raise PatternError("look-around and options need a machine that goes back")

    def _escape(self) -> _State:
        if self._peek() in ("b", "B"):
            return _State(anchor=self._next())
        return _State(test=self._escaped_test())

    def _escaped_test(self) -> Test:
        character = self._next()
        if character in _CLASS_ESCAPES:
            return _named_class(character)
        if character in "123456789" or character == "k":
            raise PatternError("back-references need a machine that goes back")
        return self._escaped_character(character).__eq__

    def _escaped_character(self, character: str) -> str:
        if character in _CONTROL:
            return _CONTROL[character]
        if character in "xu":
            match = _HEX.match(self._pattern, self._position - 1)
            code = int(next(filter(None, match.groups())), 16) if match else 0x110000
            if match is None or code > 0x10FFFF:
                raise PatternError(f"\\{character} without its digits")
            self._position = match.end()
            return chr(code)
        if character.isalnum():
            raise PatternError(f"unknown escape \\{character}")
        return character

    def _class(self) -> Test:
        negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        tests: list[Test] = []
        while not self._take("]"):
            low = self._class_member(tests)
            if low is None:
                continue
            if self._peek() == "-" and self._pattern[self._position + 1 :][:1] not in ("]", ""):
                self._next()
                high = self._class_member(tests)
                if high is None or high < low:
                    raise PatternError("a range in the wrong order")
                ranges.append((low, high))
            else:
                ranges.append((low, low))
        return _class_test(tuple(ranges), tuple(tests), negated)

    def _class_member(self, tests: list[Test]) -> str | None:
        """One character of a class, or None after a named class, which goes to ``tests``."""
        character = self._next()
        if character != "\\":
            return character
        character = self._next()
        if character in _CLASS_ESCAPES:
            tests.append(_named_class(character))
            return None
        return "\b" if character == "b" else self._escaped_character(character)

    def _single(self, state: _State) -> _Part:
        start = self._add(state)
        if state.test is None:
            return _Part(start, start)
        end = self._add(_State())
        state.out = end
        return _Part(start, end)

    def _add(self, state: _State) -> int:
        if len(self.states) >= MAX_STATES:
            raise PatternError(f"more than {MAX_STATES} states")
        self.states.append(state)
        return len(self.states) - 1

    def _peek(self) -> str:
        return self._pattern[self._position : self._position + 1]

    def _next(self) -> str:
        if self._position >= len(self._pattern):
            raise PatternError("it ends too early")
        self._position += 1
        return self._pattern[self._position - 1]

    def _take(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._position += 1
        return True


def _is_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _named_class(name: str) -> Test:
    base: Test = {
        "d": lambda c: c in "0123456789",
        "w": _is_word,
        "s": lambda c: c.isspace() or c == "\ufeff",
    }[name.lower()]
    return base if name.islower() else lambda c: not base(c)


def _class_test(
    ranges: tuple[tuple[str, str], ...], tests: tuple[Test, ...], negated: bool
) -> Test:
    def test(character: str) -> bool:
        inside = any(low <= character <= high for low, high in ranges)
        return (inside or any(t(character) for t in tests)) is not negated

    return test
