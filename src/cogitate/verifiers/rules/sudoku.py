"""Number grids in which every row, column and box holds each number once."""

import re
from collections.abc import Mapping, Sequence

Grid = tuple[tuple[int, ...], ...]
"""Rows of numbers; 0 stands for an empty cell of a puzzle."""

BOXES: Mapping[int, tuple[int, int]] = {4: (2, 2), 6: (2, 3), 9: (3, 3), 12: (3, 4), 16: (4, 4)}
"""Size -> rows and columns of a box."""

_CELL = re.compile(r"\d+|[.?]|_+")
_FRAME = re.compile(r"[\s|+\-=,;\[\](){}*]+")


class NoGrid(ValueError):
    """The text is not a grid of this size; the message says why."""


def read_puzzle(value: object) -> Grid:
    """A puzzle: rows of numbers, or a text of them, with 0, ``.``, ``_`` or ``?`` where cells are
    empty. Raises NoGrid also if it contradicts itself."""
    if isinstance(value, str):
        size = _size(value)
        grid = _cells(value, size) if size else ()
    elif isinstance(value, Sequence) and all(isinstance(row, list | tuple) for row in value):
        size = len(value)
        grid = tuple(tuple(_number(cell) for cell in row) for row in value)
    else:
        raise NoGrid("expected rows of numbers")
    if size not in BOXES or any(len(row) != size for row in grid):
        raise NoGrid(f"the size must be one of {', '.join(map(str, BOXES))}, the same both ways")
    if any(not 0 <= cell <= size for row in grid for cell in row):
        raise NoGrid(f"a number that is not 0 to {size}")
    if any(_repeats(unit) for unit in _units(grid)):
        raise NoGrid("the puzzle contradicts itself")
    return grid


def read_grid(text: str, size: int) -> Grid:
    """The filled grid that a text is: its numbers row by row, whatever stands between them as a
    frame. Raises NoGrid if there is anything else.

    >>> read_grid("1 2 | 3 4\\n3412\\n2143\\n4321", 4)[1]
    (3, 4, 1, 2)
    """
    return _cells(text, size)


def solves(grid: Grid, puzzle: Grid) -> bool:
    """Whether a grid completes a puzzle by the rules."""
    size = len(puzzle)
    kept = all(
        given in (0, cell)
        for row, given_row in zip(grid, puzzle, strict=True)
        for cell, given in zip(row, given_row, strict=True)
    )
    wanted = set(range(1, size + 1))
    return kept and all(set(unit) == wanted for unit in _units(grid))


def _cells(text: str, size: int) -> Grid:
    if _FRAME.sub("", _CELL.sub("", text)):
        raise NoGrid("something other than numbers")
    cells: list[int] = []
    for match in _CELL.finditer(text):
        token = match.group()
        # Up to 9, digits may stand without blanks between them.
        single = [token] if size > 9 or len(token) == 1 else list(token)
        cells += [int(cell[:4]) if cell.isdecimal() else 0 for cell in single]
        if len(cells) > size * size:
            raise NoGrid(f"more than {size * size} numbers")
    if len(cells) < size * size:
        raise NoGrid(f"{len(cells)} numbers, {size * size} expected")
    return tuple(tuple(cells[i : i + size]) for i in range(0, len(cells), size))


def _size(text: str) -> int:
    """The size of a puzzle in a text: one sign per cell up to 9, one token per cell above."""
    tokens = _CELL.findall(text[:4000])
    signs = sum(map(len, tokens))
    for size in (4, 6, 9):
        if signs == size * size:
            return size
    return next((size for size in BOXES if len(tokens) == size * size), 0)


def _number(cell: object) -> int:
    if cell in (None, "", ".", "_", "?"):
        return 0
    if isinstance(cell, bool) or not isinstance(cell, int):
        raise NoGrid("expected whole numbers")
    return cell


def _units(grid: Grid) -> list[tuple[int, ...]]:
    size = len(grid)
    height, width = BOXES[size]
    boxes = [
        tuple(grid[top + i][left + j] for i in range(height) for j in range(width))
        for top in range(0, size, height)
        for left in range(0, size, width)
    ]
    return [*grid, *zip(*grid, strict=True), *boxes]


def _repeats(unit: Sequence[int]) -> bool:
    filled = [cell for cell in unit if cell]
    return len(set(filled)) < len(filled)
