"""Reading arithmetic lines exactly, whatever the text."""

from fractions import Fraction

import pytest

from cogitate.insight.steps import arithmetic_steps, inverted_equations, numbers_in


def stated(text: str) -> list[tuple[str, bool]]:
    return [(str(step.stated), step.correct) for step in arithmetic_steps(text)]


def test_a_step_knows_its_place_and_operands() -> None:
    (step,) = arithmetic_steps("So (3 + 4) * 5 = 35.")
    assert "So (3 + 4) * 5 = 35."[step.start : step.end] == "(3 + 4) * 5 = 35"
    assert step.operands == (3, 4, 5)
    assert step.value == step.stated == 35


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4 = 14", 14),
        ("(2 + 3) * 4 = 20", 20),
        ("20 - 5 - 3 = 12", 12),
        ("24 / 4 / 2 = 3", 3),
        ("-2 * -3 = 6", 6),
        ("2 * -(1 + 2) = -6", -6),
        ("7 / 2 = 3.5", Fraction(7, 2)),
        ("3 x 4 = 12", 12),
        ("3\\times4 = 12", 12),
        ("1 \u2212 3 = -2", -2),
        ("12 == 12 * 1 = 12", 12),
    ],
)
def test_values_are_exact(text: str, value: int | Fraction) -> None:
    steps = arithmetic_steps(text)
    assert steps[-1].value == value
    assert steps[-1].correct


@pytest.mark.parametrize(
    "text",
    ["", "no numbers", "5 = 5", "x + 1 = 2", "3 + = 4", "3 + 4 =", "= 7", "3 4 = 7", "3 + 4 -> 7",
     "2 ** 3 = 8", "50% + 1 = 2", "3 + 4 <= 7", "()() = 1", "))) = (((", "7 = 3 + 4"],
)  # fmt: skip
def test_what_is_no_step(text: str) -> None:
    assert arithmetic_steps(text) == []


def test_a_newline_ends_an_equation() -> None:
    assert stated("3 +\n4 = 7") == []
    assert stated("3 + 4 = 7\n- 1 + 2 = 3") == [("7", True), ("3", True)]


def test_running_equals_signs_read_as_people_write_them() -> None:
    assert stated("4 * 7 = 28 - 5 = 23") == [("28", True), ("23", True)]
    assert stated("2 + 2 = 4 = 4") == [("4", True)]
    assert stated("2 * 6 = 3 * 4 = 12") == [("12", True), ("12", True)]
    assert stated("2 * 6 = 13 - 1 = 10") == [("12", True), ("10", False)]


def test_division_by_zero_is_a_wrong_step() -> None:
    (step,) = arithmetic_steps("5 / (2 - 2) = 0")
    assert step.value is None
    assert not step.correct


def test_numbers_longer_than_thirty_digits_are_not_read() -> None:
    assert arithmetic_steps("1" * 31 + " + 1 = 2") == []


def test_an_expression_of_more_than_200_symbols_is_not_read() -> None:
    assert arithmetic_steps("+".join("1" * 100) + " = 100")[0].correct
    assert arithmetic_steps("+".join("1" * 101) + " = 101") == []


def test_working_backwards() -> None:
    assert inverted_equations("24 = 4 * 6 and 7 = 7 and x = 3 + 4") == [(0, Fraction(24))]
    assert inverted_equations("24 = 4 * 6 = 24") == []


def test_numbers() -> None:
    assert numbers_in("3 apples, 1,250.5 and 1/2") == [3, Fraction("1250.5"), 1, 2]


@pytest.mark.parametrize(
    "text",
    ["(" * 20_000, "1+" * 10_000, "1" * 50_000, "1=1+" * 1_000, "-" * 10_000,
     "1 - " * 5_000 + "= 2", "\n- " * 5_000, "9" * 29 + "*" + "9" * 29 + "=1"],
)  # fmt: skip
def test_hostile_text_ends_soon(text: str) -> None:
    for step in arithmetic_steps(text):
        assert isinstance(step.correct, bool)
    inverted_equations(text)
