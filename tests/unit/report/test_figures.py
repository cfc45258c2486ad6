"""Charts: right coordinates, well-formed SVG, nothing for no data."""

import json
import re
from xml.etree import ElementTree

import pytest

from cogitate.report.figures import (
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Chart,
    Series,
    dumbbell,
    line_chart,
    noisy,
    shown,
    smoothed,
    split_bar,
    thinned,
    ticks,
)


def drawing(chart: Chart) -> ElementTree.Element:
    """The chart's SVG, parsed."""
    text = line_chart(chart)
    figure = ElementTree.fromstring(text.replace("hidden>", 'hidden="">'))
    found = figure.find(".//svg")
    assert found is not None
    return found


def path_points(element: ElementTree.Element) -> list[tuple[float, float]]:
    numbers = re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", element.attrib["d"])
    return [(float(x), float(y)) for x, y in numbers]


def of_class(svg: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [node for node in svg.iter() if name in node.attrib.get("class", "").split()]


def test_a_line_goes_from_corner_to_corner() -> None:
    chart = Chart(
        title="t",
        series=[Series(label="a", points=[(0, 0.0), (5, 0.5), (10, 1.0)])],
        unit="percent",
        low=0.0,
        high=1.0,
    )
    (line,) = of_class(drawing(chart), "line")
    start, middle, end = path_points(line)
    assert start[0] == LEFT
    assert end[0] == WIDTH - RIGHT
    assert start[1] > middle[1] > end[1]
    assert middle[0] == pytest.approx((start[0] + end[0]) / 2, abs=0.1)
    assert middle[1] == pytest.approx((start[1] + end[1]) / 2, abs=0.1)


def test_the_axis_starts_at_step_zero_so_that_charts_line_up() -> None:
    chart = Chart(title="t", series=[Series(label="", points=[(5, 1.0), (10, 2.0)])])
    (line,) = of_class(drawing(chart), "line")
    assert path_points(line)[0][0] == pytest.approx(LEFT + (WIDTH - LEFT - RIGHT) / 2, abs=0.1)
    labels = [node.text for node in of_class(drawing(chart), "x")]
    assert labels[0] == "step 0"
    assert labels[-1] == "10"


def test_a_band_surrounds_its_line() -> None:
    series = Series(label="a", points=[(0, 0.5), (1, 0.6)], band=[(0.4, 0.7), (0.5, 0.8)])
    svg = drawing(Chart(title="t", series=[series], unit="percent", low=0.0, high=1.0))
    (band,), (line,) = of_class(svg, "band"), of_class(svg, "line")
    ys = [y for _, y in path_points(band)]
    assert len(ys) == 4
    assert min(ys) < min(y for _, y in path_points(line))
    assert band.attrib["d"].endswith("Z")


def test_values_outside_a_fixed_axis_stay_inside_the_drawing() -> None:
    series = Series(label="a", points=[(0, -5.0), (1, 5.0)], band=[(-9.0, 0.0), (0.0, 9.0)])
    svg = drawing(Chart(title="t", series=[series], low=0.0, high=1.0))
    for node in (*of_class(svg, "line"), *of_class(svg, "band")):
        assert all(0 <= y <= HEIGHT for _, y in path_points(node))


def test_one_point_is_a_dot() -> None:
    svg = drawing(Chart(title="t", series=[Series(label="a", points=[(0, 0.3)])]))
    assert of_class(svg, "line") == []
    assert len(of_class(svg, "dot")) == 1


def test_constant_and_negative_series_have_room() -> None:
    for values in ([0.0, 0.0], [3.0, 3.0], [-2.0, -1.0], [1e-9, 2e-9]):
        chart = Chart(title="t", series=[Series(label="", points=list(enumerate(values)))])
        for _, y in path_points(of_class(drawing(chart), "line")[0]):
            assert 0 <= y <= HEIGHT


def test_no_points_no_chart() -> None:
    assert line_chart(Chart(title="t", series=[])) == ""
    assert line_chart(Chart(title="t", series=[Series(label="a", points=[])])) == ""


def test_labels_titles_and_marks_are_escaped() -> None:
    chart = Chart(
        title="<script>",
        series=[Series(label='"><img>', points=[(0, 1.0), (1, 2.0)])],
        caption="<u>",
        marks=[(1, "<u>")],
    )
    text = line_chart(chart)
    assert not re.search(r"<(script|img|u)>", text)
    assert of_class(drawing(chart), "mark")


def test_the_numbers_behind_a_chart_ride_along() -> None:
    series = Series(label="a", points=[(0, 0.25), (4, 0.5)], band=[(0.1, 0.4), (0.4, 0.6)])
    faint = Series(label="raw", points=[(0, 0.3)], faint=True)
    svg = drawing(Chart(title="t", series=[faint, series], unit="percent"))
    data = json.loads(svg.attrib["data-chart"])
    assert [line["label"] for line in data["lines"]] == ["a"]
    assert data["lines"][0]["points"][0][2] == "25.0 %  [10.0 %, 40.0 %]"
    assert data["x"] == [0, 4]
    assert "a from 25.0 % to 50.0 %" in svg.attrib["aria-label"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (0.0, 100.0, [0.0, 25.0, 50.0, 75.0, 100.0]),
        (0.0, 7.0, [0.0, 2.0, 4.0, 6.0]),
        (-1.0, 1.0, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (2.0, 2.0, [2.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5, "percent", "50.0 %"),
        (1.23456, "number", "1.23"),
        (123.4, "number", "123"),
        (20.0, "tokens", "20"),
        (12345.6, "tokens", "12,346"),
        (0.0, "number", "0"),
        (3e-9, "nats", "0"),
        (-3e-9, "nats", "0"),
        (2.5, "seconds", "2.5 s"),
        (1e-5, "number", "1e-05"),
    ],
)
def test_values_as_text(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text  # type: ignore[arg-type]


def test_smoothing_is_a_trailing_mean() -> None:
    points = [(1, 4.0), (2, 8.0), (3, 0.0), (4, 4.0)]
    assert smoothed(points, 3) == [(1, 4.0), (2, 6.0), (3, 4.0), (4, 4.0)]
    assert smoothed(points, 1) == points


def test_thinning_keeps_the_mean() -> None:
    points = [(i, float(i * i)) for i in range(1000)]
    few = thinned(points, 10)
    assert len(few) == 10
    assert sum(y for _, y in few) / 10 == pytest.approx(sum(y for _, y in points) / 1000)
    assert thinned(points, 1000) == points


def test_only_noisy_series_are_smoothed() -> None:
    zigzag = [(i, float(i % 2)) for i in range(48)]
    assert [series.faint for series in noisy("a", zigzag, "1")] == [True, False]
    ramp = [(i, float(i)) for i in range(48)]
    assert [series.faint for series in noisy("a", ramp, "1")] == [False]
    assert len(noisy("a", zigzag[:20], "1")) == 1


def test_dumbbell_places_both_values() -> None:
    text = dumbbell((0.0, (0.0, 0.1)), (1.0, (0.9, 1.0)), "greedy")
    circles = [float(x) for x in re.findall(r'cx="([\d.]+)"', text)]
    assert circles == [6.0, 294.0]
    assert text.count("whisker") == 2
    assert "rise" in text
    assert "rise" not in dumbbell((0.5, (0.4, 0.6)), (0.51, (0.4, 0.6)), "greedy")
    assert dumbbell(None, None, "greedy").count("circle") == 0


def test_split_bar_widths_are_shares() -> None:
    text = split_bar([("a", 3.0, "1"), ("b<", 1.0, "2")])
    assert [float(w) for w in re.findall(r'width="([\d.]+)"', text)] == [748.0, 248.0]
    assert "b&lt; 25 %" in text
    assert split_bar([("a", 0.0, "1")]) == ""
