"""Counter-based randomness: every draw is a pure function of a key and a counter.

No global generator exists in this package's tasks. The same (seed, split, index) gives the same
problem on every machine, in every process and in every order, so the data cursor of a run is one
integer. Everything rests on BLAKE2b (RFC 7693), which is in the standard library and stable
across Python versions, unlike ``hash`` and ``random``.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

HELD_OUT_FRACTION = 0.15
"""Share of all canonical instances that are never trained on, fraction in [0, 1]."""

_SPLIT_PERSON = b"cogitate-split"
_HELD_OUT_BELOW = int(HELD_OUT_FRACTION * 2**64)
_MASK = 2**64 - 1


def hash64(*parts: int | str) -> int:
    """A 64-bit number that depends on every part, its type and its position.

    >>> hash64("a", 1) == hash64("a", 1), hash64("a", 1) == hash64("a", "1")
    (True, False)
    """
    return int.from_bytes(_digest(parts, size=8), "big")


def content_id(*parts: int | str) -> str:
    """A short stable name for some content: 16 hexadecimal digits."""
    return _digest(parts, size=8).hex()


def is_held_out(canonical: str) -> bool:
    """Whether the instance with this canonical text belongs to the ``heldout`` split.

    Depends on the text alone: not on a seed, not on the task's name, not on how often or in
    what order it is drawn. So no setting can move an instance from one split to the other.
    """
    digest = hashlib.blake2b(_bytes(canonical), digest_size=8, person=_SPLIT_PERSON)
    return int.from_bytes(digest.digest(), "big") < _HELD_OUT_BELOW


def permute(position: int, size: int, key: int) -> int:
    """The image of ``position`` under a keyed permutation of ``range(size)``.

    A balanced Feistel network over the next even number of bits, walked until it falls inside
    the range (fewer than four rounds of walking on average), so shuffling needs no table.

    >>> sorted(permute(i, 10, key=7) for i in range(10)) == list(range(10))
    True
    """
    if not 0 <= position < size:
        raise IndexError(f"position {position} is outside range({size})")
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    value = position
    while True:
        left, right = value >> half, value & mask
        for round_number in range(6):
            left, right = right, left ^ (_mix(right ^ _mix(key + round_number)) & mask)
        value = (left << half) | right
        if value < size:
            return value


class Draw:
    """An endless stream of random choices, fixed by its key.

    Block i of the stream is BLAKE2b(key, i); nothing but the position in the stream is state.
    ``below`` is biased by less than n / 2**64, which no test of this package could notice.
    """

    __slots__ = ("_key", "_next_block", "_words")

    def __init__(self, *parts: int | str) -> None:
        self._key = _digest(parts, size=32)
        self._next_block = 0
        self._words: list[int] = []

    def below(self, n: int) -> int:
        """A uniform integer in ``range(n)``."""
        if n < 1:
            raise ValueError(f"cannot draw from range({n})")
        if not self._words:
            self._refill()
        return (self._words.pop() * n) >> 64

    def between(self, low: int, high: int) -> int:
        """A uniform integer in [low, high], both ends included."""
        return low + self.below(high - low + 1)

    def chance(self, numerator: int, denominator: int) -> bool:
        """True with probability numerator / denominator."""
        return self.below(denominator) < numerator

    def choice(self, values: Sequence[T]) -> T:
        """One of the values, uniformly."""
        return values[self.below(len(values))]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """A uniform reordering (Fisher-Yates)."""
        result = list(values)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result

    def _refill(self) -> None:
        counter = self._next_block.to_bytes(8, "big")
        block = hashlib.blake2b(counter, key=self._key, digest_size=64).digest()
        self._words = [int.from_bytes(block[i : i + 8], "big") for i in range(56, -1, -8)]
        self._next_block += 1


def _digest(parts: Sequence[int | str], *, size: int) -> bytes:
    hasher = hashlib.blake2b(digest_size=size)
    for part in parts:
        body = _bytes(part) if isinstance(part, str) else str(part).encode()
        kind = b"s" if isinstance(part, str) else b"i"
        # The length makes ("ab", "c") and ("a", "bc") different.
        hasher.update(kind + len(body).to_bytes(8, "big") + body)
    return hasher.digest()


def _bytes(text: str) -> bytes:
    # A lone surrogate is not encodable; hashing must still work on any text a file holds.
    return text.encode("utf-8", "surrogatepass")


def _mix(value: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
