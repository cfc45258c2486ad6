"""Any bytes are a file: reading never fails on them, and never loses a good row."""

import json
from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cogitate.tasks.config import DatasetConfig
from cogitate.tasks.dataset import scan
from cogitate.tasks.loading import RawRow, SourceOptions, read_rows
from cogitate.verifiers.rules.expressions import ExpressionError, parse_expression

GOOD = [{"prompt": f"question {i}", "answer": str(i)} for i in range(3)]
NOISE = st.binary(max_size=60).map(lambda body: body.replace(b"\n", b" "))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
COLUMNS = st.sampled_from(
    ["prompt", "answer", "question", "messages", "problem", "solution", "reward_model",
     "ground_truth", "choices", "extra_info", "level", "instruction", "output"]
)  # fmt: skip


@given(noise=st.lists(NOISE, min_size=4, max_size=4), torn=NOISE)
def test_good_rows_survive_any_noise_between_them(
    tmp_path_factory, noise: list[bytes], torn: bytes
):
    path: Path = tmp_path_factory.mktemp("noise") / "a.jsonl"
    parts = [noise[0] + b"\n"]
    for row, after in zip(GOOD, noise[1:], strict=True):
        parts += [json.dumps(row).encode() + b"\n", after + b"\n"]
    path.write_bytes(b"".join(parts) + torn)
    rows = list(read_rows(str(path), SourceOptions()))
    good = [dict(row.values) for row in rows if isinstance(row, RawRow)]
    assert [row for row in good if row in GOOD] == GOOD
    usable, report = scan(DatasetConfig(path=str(path)), str(path))
    assert [row.record.gold for row in usable[:3]] == ["0", "1", "2"]
    assert report.num_rows == report.num_usable + (
        report.num_bad_rows + report.num_bad_gold + report.num_duplicates
    )


@given(row=st.dictionaries(COLUMNS, JSON, max_size=6))
def test_any_object_is_a_problem_or_a_counted_fault(tmp_path_factory, row: dict[str, object]):
    path: Path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    usable, report = scan(DatasetConfig(path=str(path)), str(path))
    assert report.num_rows == 1
    assert len(usable) + report.num_bad_rows + report.num_bad_gold == 1


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction, int]:
    """An expression with brackets everywhere, its value and how many numbers it has."""
    if depth == 0 or draw(st.booleans()):
        number = draw(st.integers(0, 99))
        return str(number), Fraction(number), 1
    left, left_value, left_count = draw(expressions(depth - 1))
    right, right_value, right_count = draw(expressions(depth - 1))
    operator = draw(st.sampled_from("+-*" if right_value == 0 else "+-*/"))
    value = {
        "+": left_value + right_value,
        "-": left_value - right_value,
        "*": left_value * right_value,
        "/": left_value / right_value if right_value else Fraction(0),
    }[operator]
    return f"({left}{operator}{right})", value, left_count + right_count


@given(expression=expressions())
def test_bracketed_expressions_have_their_value(expression: tuple[str, Fraction, int]):
    text, value, count = expression
    parsed = parse_expression(text)
    assert parsed.value == value
    assert len(parsed.numbers) == count
    assert len(parsed.operators) == count - 1


@given(text=st.text(alphabet="0123456789+-*/() .=x", max_size=40))
def test_what_parses_is_what_python_computes(text: str):
    try:
        value = parse_expression(text).value
    except ExpressionError:
        return
    # Only digits, four signs and brackets get here; Python is the independent judge.
    exact = eval(_as_fractions(text), {"Fraction": Fraction})
    assert exact == value


def _as_fractions(text: str) -> str:
    out, number = "", ""
    for char in text + " ":
        if char.isdigit():
            number += char
            continue
        out, number = out + (f"Fraction({number})" if number else "") + char, ""
    return out.strip()
