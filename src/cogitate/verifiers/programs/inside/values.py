"""Plain values as JSON text that keeps Python's types: the one language between the processes.

None, booleans, numbers, strings and lists are JSON; everything else is an object with one tag:

    {"t": [...]} tuple   {"d": [[key, value], ...]} dict   {"s": [...]} set   {"z": [...]} frozenset
    {"i": "hex"} large integer   {"f": "nan"} float without JSON   {"c": [re, im]} complex
    {"b": "hex"} bytes   {"a": "hex"} bytearray   {"r": [start, stop, by]} range
    {"q": [...]} deque
    {"n": [...]} iterator   {"l": [...]} ListNode   {"e": [...]} TreeNode, by levels
    {"o": "name", "h": 3} anything else: only a handle, and only its own process knows what it is

This file is also the first part of the programs of inside/: it imports nothing that takes long.
"""

from _json import encode_basestring_ascii  # the json package takes as long as starting Python

MAX_DEPTH = 100
MAX_ITEMS = 200_000  # of an iterator or a chain of nodes
_JSON_INTEGER = 2**53
_VIEWS = (type({}.keys()), type({}.values()), type({}.items()))


class Handle:
    """A value that cannot leave the process of the submission, by number."""

    __slots__ = ("name", "number")

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name = number, name


class Unplain(Exception):
    """A value that is not plain data, or too deep."""


def encode(value, keep=None, depth: int = 0) -> str:
    """JSON text of a plain value. ``keep`` turns any other object into its handle's number.

    Subclasses of built-in types are written as the value that the built-in type sees in them.
    """
    if depth > MAX_DEPTH:
        raise Unplain(f"nested deeper than {MAX_DEPTH}")
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    scalar = _scalar(value)
    if scalar is not None:
        return scalar
    if isinstance(value, list):
        return _items(list.__iter__(value), keep, depth)
    if isinstance(value, tuple):
        return _tagged("t", _items(tuple.__iter__(value), keep, depth))
    if isinstance(value, dict):
        pairs = [_items(pair, keep, depth) for pair in dict.items(value)]
        return _tagged("d", f"[{','.join(pairs)}]")
    if isinstance(value, set):
        return _tagged("s", _items(set.__iter__(value), keep, depth))
    if isinstance(value, frozenset):
        return _tagged("z", _items(frozenset.__iter__(value), keep, depth))
    return _special(value, keep, depth)


def _scalar(value) -> str | None:
    if isinstance(value, int):
        number = int.__index__(value)
        small = -_JSON_INTEGER < number < _JSON_INTEGER
        return str(number) if small else _tagged("i", f'"{number:x}"')
    if isinstance(value, float):
        text = float.__repr__(value)
        return _tagged("f", f'"{text}"') if text.strip("-") in ("nan", "inf") else text
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, complex):
        return _tagged("c", f"[{encode(value.real)},{encode(value.imag)}]")
    if isinstance(value, bytes | bytearray):
        return _tagged("b" if isinstance(value, bytes) else "a", f'"{value.hex()}"')
    return None


def _tagged(tag: str, body: str) -> str:
    return f'{{"{tag}":{body}}}'


def _items(values, keep, depth: int) -> str:
    return f"[{','.join([encode(value, keep, depth + 1) for value in values])}]"


def _special(value, keep, depth: int) -> str:
    kind = type(value)
    if kind is range:
        parts = (value.start, value.stop, value.step)
        return _tagged("r", _items(parts, keep, depth))
    if kind.__name__ == "deque":
        return _tagged("q", _items(value, keep, depth))
    if kind.__name__ == "ListNode" and hasattr(value, "next"):
        return _tagged("l", _items(_chain(value), keep, depth))
    if kind.__name__ == "TreeNode" and hasattr(value, "left"):
        return _tagged("e", _items(_levels(value), keep, depth))
    if kind in _VIEWS or hasattr(kind, "__next__"):
        return _tagged("n", _items(_bounded(value), keep, depth))
    if isinstance(value, Handle):
        return handle(value.number, value.name)
    if keep is None:
        raise Unplain(f"a {kind.__name__} is not plain data")
    return handle(keep(value), kind.__name__)


def handle(number: int, name: str) -> str:
    """The writing of an object that stays where it is."""
    return f'{{"o":{encode_basestring_ascii(name)},"h":{number}}}'


def _bounded(values):
    for position, value in enumerate(values):
        if position >= MAX_ITEMS:
            raise Unplain(f"more than {MAX_ITEMS} items")
        yield value


def _chain(node):
    for _ in range(MAX_ITEMS):
        if node is None:
            return
        yield node.val
        node = node.next
    raise Unplain("a ListNode that leads back to itself")


def _levels(root):
    """Values by levels with None for missing children, without trailing ones."""
    values, level = [], [root]
    while level:
        values += [None if node is None else node.val for node in level]
        if len(values) > MAX_ITEMS:
            raise Unplain("a TreeNode that contains itself")
        level = [child for node in level if node is not None for child in (node.left, node.right)]
    while values and values[-1] is None:
        values.pop()
    return values


class ListNode:
    """The list node of LeetCode's statements."""

    def __init__(self, val=0, next=None):
        self.val, self.next = val, next


class TreeNode:
    """The tree node of LeetCode's statements."""

    def __init__(self, val=0, left=None, right=None):
        self.val, self.left, self.right = val, left, right


def list_node(values, make=ListNode):
    """The linked list of some values."""
    head = None
    for value in reversed(values):
        head = make(value, head)
    return head


def tree_node(values, make=TreeNode):
    """The binary tree whose values by levels are given, None where there is no node."""
    nodes = [None if value is None else make(value) for value in values]
    children = iter(nodes[1:])
    for node in nodes:
        if node is not None:
            node.left, node.right = next(children, None), next(children, None)
    return nodes[0] if nodes else None


def decode(raw, known=None):
    """The value of parsed JSON. ``known`` gives node classes by name and objects by number."""
    if isinstance(raw, list):
        return [decode(item, known) for item in raw]
    if not isinstance(raw, dict):
        return raw
    if "h" in raw:
        return Handle(raw["h"], raw["o"]) if known is None else known(raw["h"])
    (tag, body), *_ = raw.items()
    if tag == "d":
        return {decode(key, known): decode(value, known) for key, value in body}
    return _DECODERS[tag](decode(body, known), known)


def _deque(items, known):
    from collections import deque

    return deque(items)


_DECODERS = {
    "t": lambda items, known: tuple(items),
    "s": lambda items, known: set(items),
    "z": lambda items, known: frozenset(items),
    "i": lambda text, known: int(text, 16),
    "f": lambda text, known: float(text),
    "c": lambda parts, known: complex(*parts),
    "b": lambda text, known: bytes.fromhex(text),
    "a": lambda text, known: bytearray.fromhex(text),
    "r": lambda parts, known: range(*parts),
    "q": _deque,
    "n": lambda items, known: iter(items),
    "l": lambda items, known: list_node(items, ListNode if known is None else known("ListNode")),
    "e": lambda items, known: tree_node(items, TreeNode if known is None else known("TreeNode")),
}
