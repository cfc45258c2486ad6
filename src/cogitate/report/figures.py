"""Charts as inline SVG: axes, lines, bands, labels; no library, readable without JavaScript.

Colours come from CSS classes (``tone-greedy``, ``tone-1`` ...), so one drawing serves the light and
the dark theme. The numbers behind a chart ride along in ``data-chart`` for the hover script.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from cogitate.report.safe import escaped

Unit = Literal["percent", "number", "tokens", "seconds", "nats"]
Point = tuple[int | float, float]
"""(step, value)."""

WIDTH, HEIGHT = 440, 210
LEFT, RIGHT, TOP, BOTTOM = 40, 14, 8, 24
MAX_POINTS = 300
"""Longer series are drawn (not computed) as means of equal runs of neighbouring points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line. ``band`` has (low, high) for each point; ``faint`` lines carry no label."""

    label: str
    points: Sequence[Point]
    tone: str = "1"
    band: Sequence[tuple[float, float]] = ()
    faint: bool = False
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A titled set of lines over one x axis (training steps).

    ``low``/``high`` fix the y axis; None takes 0 (or the smallest negative value) and a round
    number above the largest value. ``marks`` are (step, text) for vertical rules.
    """

    title: str
    series: Sequence[Series]
    unit: Unit = "number"
    caption: str = ""
    low: float | None = None
    high: float | None = None
    x_label: str = "step"
    marks: Sequence[tuple[int | float, str]] = field(default=())


def shown(value: float, unit: Unit) -> str:
    """A value as a person reads it.

    >>> shown(0.256, "percent"), shown(12345.0, "tokens"), shown(0.00123, "number")
    ('25.6 %', '12,345', '0.00123')
    """
    if unit == "percent":
        return f"{100 * value:.1f} %"
    if unit == "nats":
        value = round(value, 4) + 0.0
    if unit == "seconds":
        return f"{value:.1f} s"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """About ``wanted`` round numbers (1, 2, 2.5 or 5 times a power of ten) from low to high.

    >>> ticks(0.0, 0.9)
    [0.0, 0.2, 0.4, 0.6, 0.8]
    """
    if high <= low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _x_ticks(low: float, high: float) -> list[float]:
    """Whole numbers only: there is no half step."""
    if high - low < 5:
        return [float(x) for x in range(math.ceil(low), math.floor(high) + 1)]
    return [x for x in ticks(low, high, 5) if x == int(x)]


def thinned(points: Sequence[Point], limit: int = MAX_POINTS) -> list[Point]:
    """At most ``limit`` points: means of equal runs of neighbours.

    >>> thinned([(0, 1.0), (1, 3.0), (2, 5.0), (3, 7.0)], 2)
    [(0.5, 2.0), (2.5, 6.0)]
    """
    if len(points) <= limit:
        return list(points)
    edges = [round(i * len(points) / limit) for i in range(limit + 1)]
    runs = [points[a:b] for a, b in pairwise(edges)]
    return [(sum(x for x, _ in run) / len(run), sum(y for _, y in run) / len(run)) for run in runs]


def smoothed(points: Sequence[Point], window: int) -> list[Point]:
    """The mean of the last ``window`` points at each point (fewer at the start).

    >>> smoothed([(1, 0.0), (2, 1.0), (3, 2.0)], 2)
    [(1, 0.0), (2, 0.5), (3, 1.5)]
    """
    values = [y for _, y in points]
    return [
        (x, sum(values[max(0, i - window + 1) : i + 1]) / min(window, i + 1))
        for i, (x, _) in enumerate(points)
    ]


def noisy(label: str, points: Sequence[Point], tone: str) -> list[Series]:
    """A noisy per-step series as two lines: every step faint, a trailing mean strong.

    The window is a twelfth of the run, at most 50 steps. A series that is short, or smooth by
    itself (it travels less than twice its range), is one plain line.
    """
    window = min(50, len(points) // 12)
    values = [y for _, y in points]
    travelled = sum(abs(b - a) for a, b in pairwise(values))
    if window < 2 or travelled < 2 * (max(values) - min(values)):
        return [Series(label=label, points=thinned(points), tone=tone)]
    return [
        Series(label=label, points=thinned(points), tone=tone, faint=True),
        Series(label=label, points=thinned(smoothed(points, window)), tone=tone),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Maps data to the drawing."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: int | float) -> float:
        span = (self.x_high - self.x_low) or 1.0
        return LEFT + (value - self.x_low) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        span = (self.y_high - self.y_low) or 1.0
        return TOP + (1 - (value - self.y_low) / span) * (HEIGHT - TOP - BOTTOM)


def _frame(chart: Chart) -> _Frame:
    xs = [x for series in chart.series for x, _ in series.points]
    ys = [y for series in chart.series for _, y in series.points]
    ys += [y for series in chart.series for pair in series.band for y in pair]
    low = chart.low if chart.low is not None else min(0.0, *ys, 0.0)
    high = chart.high if chart.high is not None else max(ys)
    if high <= low:
        high = low + 1.0
    if chart.high is None:
        step = ticks(low, high)
        gap = step[1] - step[0] if len(step) > 1 else high - low
        high = max(high, math.ceil(high / gap - 0.15) * gap)
    return _Frame(x_low=min(0, *xs), x_high=max(xs), y_low=low, y_high=high)


def _path(points: Sequence[Point], frame: _Frame) -> str:
    return "M" + "L".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)


def _clamp(value: float, frame: _Frame) -> float:
    return min(max(value, frame.y_low), frame.y_high)


def _line(series: Series, frame: _Frame) -> str:
    """The band, the line and the dots of one series."""
    tone = f"tone-{series.tone}"
    points = [(x, _clamp(y, frame)) for x, y in series.points]
    parts: list[str] = []
    if series.band:
        xs = [x for x, _ in points]
        upper = [(x, _clamp(high, frame)) for x, (_, high) in zip(xs, series.band, strict=True)]
        lower = [(x, _clamp(low, frame)) for x, (low, _) in zip(xs, series.band, strict=True)]
        outline = _path([*upper, *reversed(lower)], frame)
        parts.append(f'<path class="band {tone}" d="{outline}Z"/>')
    style = "line" + (" faint" if series.faint else "") + (" dashed" if series.dashed else "")
    if len(points) > 1:
        parts.append(f'<path class="{style} {tone}" d="{_path(points, frame)}"/>')
    if series.dots or len(points) == 1:
        parts += [
            f'<circle class="dot {tone}" cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.6"/>'
            for x, y in points
        ]
    return "".join(parts)


def _grid(chart: Chart, frame: _Frame) -> str:
    parts: list[str] = []
    right = WIDTH - RIGHT
    for value in ticks(frame.y_low, frame.y_high):
        y = frame.y(value)
        label = f"{100 * value:g} %" if chart.unit == "percent" else shown(value, chart.unit)
        kind = "axis" if value == frame.y_low else "grid"
        parts.append(f'<path class="{kind}" d="M{LEFT},{y:.1f}H{right}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}">{label}</text>')
    for index, value in enumerate(_x_ticks(frame.x_low, frame.x_high)):
        name = f"{escaped(chart.x_label)} " if index == 0 else ""
        parts.append(
            f'<text class="tick x" x="{frame.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}">'
            f"{name}{value:,.0f}</text>"
        )
    return "".join(parts)


def _dash_class(series: Series) -> str:
    return ' class="dashed"' if series.dashed else ""


def _legend(chart: Chart) -> str:
    """The name and last value of each line, above the plot; in HTML, so that it never shrinks."""
    keys = "".join(
        f'<span class="tone-{series.tone}"><i{_dash_class(series)}></i>'
        f"{escaped(series.label or 'latest')} "
        f"<b>{shown(series.points[-1][1], chart.unit)}</b></span>"
        for series in chart.series
        if not series.faint
    )
    return f'<div class="names">{keys}</div>'


def _marks(chart: Chart, frame: _Frame) -> str:
    return "".join(
        f'<path class="mark" d="M{frame.x(x):.1f},{TOP}V{HEIGHT - BOTTOM}"/>'
        f'<text class="marktext" x="{frame.x(x) + 4:.1f}" y="{TOP + 9}">{escaped(text)}</text>'
        for x, text in chart.marks
    )


def _hover_data(chart: Chart, frame: _Frame) -> str:
    """What the script needs to answer "what is the value here"."""
    strong = [series for series in chart.series if not series.faint]
    lines = [
        {
            "label": series.label or chart.title,
            "tone": series.tone,
            "points": [
                [round(x, 2), round(frame.y(_clamp(y, frame)), 1), _hover_text(series, i, chart)]
                for i, (x, y) in enumerate(series.points)
            ],
        }
        for series in strong
    ]
    box = [LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM]
    data = {"x": [frame.x_low, frame.x_high], "box": box, "name": chart.x_label, "lines": lines}
    return escaped(json.dumps(data, ensure_ascii=True, separators=(",", ":")))


def _hover_text(series: Series, index: int, chart: Chart) -> str:
    text = shown(series.points[index][1], chart.unit)
    if series.band:
        low, high = series.band[index]
        text += f"  [{shown(low, chart.unit)}, {shown(high, chart.unit)}]"
    return text


def _spoken(chart: Chart) -> str:
    """The chart in one sentence, for screen readers."""
    said = [
        f"{s.label or chart.title} from {shown(s.points[0][1], chart.unit)} "
        f"to {shown(s.points[-1][1], chart.unit)}"
        for s in chart.series
        if not s.faint
    ]
    return f"{chart.title}: {'; '.join(said)}."


def line_chart(chart: Chart) -> str:
    """The chart as a ``<figure>``, or an empty string when no series has a point."""
    series = [s for s in chart.series if s.points]
    if not series:
        return ""
    drawn = replace(chart, series=series)
    frame = _frame(drawn)
    body = "".join(_line(s, frame) for s in series)
    caption = f'<p class="caption">{escaped(chart.caption)}</p>' if chart.caption else ""
    return (
        f'<figure class="chart"><figcaption>{escaped(chart.title)}</figcaption>'
        f'{_legend(drawn)}<div class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escaped(_spoken(drawn))}" data-chart="{_hover_data(drawn, frame)}">'
        f"{_grid(drawn, frame)}{_marks(drawn, frame)}{body}"
        f'<g class="hover"></g></svg><div class="tip" hidden></div></div>{caption}</figure>'
    )


def dumbbell(
    before: tuple[float, tuple[float, float]] | None,
    after: tuple[float, tuple[float, float]] | None,
    tone: str,
) -> str:
    """A row of "before -> after" on a 0 to 100 % scale: dots with their 95 % intervals."""

    def at(fraction: float) -> float:
        return 6 + 288 * min(max(fraction, 0.0), 1.0)

    parts = [f'<path class="grid" d="M{at(q):.1f},2V24"/>' for q in (0.0, 0.25, 0.5, 0.75, 1.0)]
    if before and after and abs(after[0] - before[0]) > 0.02:
        start, end = at(before[0]), at(after[0])
        parts.append(f'<path class="rise tone-{tone}" d="M{start:.1f},13H{end:.1f}"/>')
    for point, kind in ((before, "before"), (after, tone)):
        if point is None:
            continue
        value, (low, high) = point
        parts.append(f'<path class="whisker tone-{kind}" d="M{at(low):.1f},13H{at(high):.1f}"/>')
        parts.append(f'<circle class="dot tone-{kind}" cx="{at(value):.1f}" cy="13" r="5"/>')
    return f'<svg class="dumbbell" viewBox="0 0 300 26" aria-hidden="true">{"".join(parts)}</svg>'


def split_bar(parts: Sequence[tuple[str, float, str]]) -> str:
    """A horizontal bar of (name, amount, tone) parts, each as wide as its share."""
    total = sum(amount for _, amount, _ in parts)
    if total <= 0:
        return ""
    cells: list[str] = []
    x = 0.0
    for name, amount, tone in parts:
        width = 1000 * amount / total
        cells.append(
            f'<rect class="fill tone-{escaped(tone)}" x="{x:.1f}" y="0" '
            f'width="{max(width - 2, 0.5):.1f}" height="18"><title>{escaped(name)} '
            f"{100 * amount / total:.0f} %</title></rect>"
        )
        x += width
    return (
        '<svg class="split" viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" '
        f'aria-label="time by phase">{"".join(cells)}</svg>'
    )
