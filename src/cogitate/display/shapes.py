"""Small text graphics and number formats shared by the displays; each has an ASCII form."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-:=+*#"


def sparkline(
    values: Sequence[float],
    width: int,
    *,
    low: float | None = None,
    high: float | None = None,
    ascii_only: bool = False,
) -> str:
    """A curve in one line of text; neighbouring values are averaged when there are too many.

    >>> sparkline([0.0, 0.5, 1.0], 3, low=0.0, high=1.0)
    '▁▅█'
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or width < 1:
        return ""
    points = _bucket_means(finite, width)
    bottom = min(finite) if low is None else low
    top = max(finite) if high is None else high
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    span = top - bottom
    levels = [(point - bottom) / span if span > 0 else 0.5 for point in points]
    last = len(blocks) - 1
    return "".join(blocks[min(last, max(0, int(level * last + 0.5 + 1e-9)))] for level in levels)


def _bucket_means(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    pieces = [values[start:end] for start, end in pairwise(edges)]
    return [sum(piece) / len(piece) for piece in pieces]


def bar(fraction: float, width: int, *, ascii_only: bool = False) -> str:
    """A filled bar for a fraction in [0, 1]."""
    filled = round(max(0.0, min(1.0, fraction)) * width) if math.isfinite(fraction) else 0
    full, empty = ("#", ".") if ascii_only else ("█", "░")
    return full * filled + empty * (width - filled)


def split_widths(parts: Mapping[str, float], width: int) -> dict[str, int]:
    """Whole columns for each part, proportional to it, adding up to ``width``.

    Largest remainders get the left-over columns.

    >>> split_widths({"rollout": 2.0, "update": 1.0}, 10)
    {'rollout': 7, 'update': 3}
    """
    total = sum(parts.values())
    if total <= 0:
        return dict.fromkeys(parts, 0)
    exact = {name: value / total * width for name, value in parts.items()}
    columns = {name: int(value) for name, value in exact.items()}
    spare = width - sum(columns.values())
    by_remainder = sorted(exact, key=lambda name: columns[name] - exact[name])
    for name in by_remainder[:spare]:
        columns[name] += 1
    return columns


def duration(seconds: float | None) -> str:
    """A time span with two units at most.

    >>> duration(4.26), duration(190), duration(7300), duration(None)
    ('4.3s', '3m10s', '2h01m', '?')
    """
    if seconds is None or not math.isfinite(seconds):
        return "?"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def size(num_bytes: float) -> str:
    """A memory or file size in decimal units.

    >>> size(538_000_000), size(999)
    ('538 MB', '999 B')
    """
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= scale * 0.9995:
            value = num_bytes / scale
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.1f} {unit}"
    return f"{num_bytes:.0f} B"


def count(number: float) -> str:
    """A large number in short form.

    >>> count(312), count(12_345), count(134_515_008)
    ('312', '12.3k', '134.5M')
    """
    for unit, scale in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= scale * 9.9995 or (unit != "k" and number >= scale):
            return f"{number / scale:.1f}{unit}"
    return f"{number:.0f}"


def percent(value: float | None) -> str:
    """A fraction in [0, 1] as per cent.

    >>> percent(0.9083), percent(None)
    ('90.8%', '-')
    """
    return "-" if value is None or not math.isfinite(value) else f"{value * 100:.1f}%"


def interval(low: float, high: float) -> str:
    """A confidence interval of fractions as per cents: ``[83.1, 95.0]``."""
    return f"[{low * 100:.1f}, {high * 100:.1f}]"


def number(value: float | None, digits: int = 2) -> str:
    """A plain number; NaN, infinities and None stay readable."""
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if math.isfinite(value) else str(value)


def aligned(cells: Sequence[Sequence[str]], *, gap: int = 2) -> list[str]:
    """Rows of text in columns as wide as their widest cell, without trailing blanks."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    space = " " * gap
    return [
        space.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
