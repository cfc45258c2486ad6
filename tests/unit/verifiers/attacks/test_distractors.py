import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.attacks.distractors import distractors
from cogitate.verifiers.exact import numbers_equal


class TestWholeNumbers:
    def test_neighbours_and_parts(self) -> None:
        assert distractors("57") == {
            "gold": "57", "wrong": "58", "wrong2": "59", "wrong3": "60", "below": "56",
            "above": "58", "head": "5", "tail": "7",
        }  # fmt: skip

    def test_negative_numbers_have_no_head(self) -> None:
        parts = distractors("-14")
        assert (parts["wrong"], parts["below"], parts["above"]) == ("-13", "-15", "-13")
        assert "head" not in parts

    def test_one_digit_has_no_head(self) -> None:
        assert "head" not in distractors("0")
        assert distractors("0")["wrong"] == "1"

    def test_very_long_numbers_are_not_computed(self) -> None:
        gold = "9" * 5000
        assert distractors(gold)["wrong"] == gold + "1"


@pytest.mark.parametrize(
    ("gold", "wrong"),
    [
        (r"\frac{3}{7}", r"\frac{4}{7}"),
        ("6.25", "7.25"),
        (r"\{3, 8\}", r"\{4, 8\}"),
        ("[2, 11)", "[3, 11)"),
        ("x^2 + x - 6", "x^3 + x - 6"),
        (r"3\sqrt{5}", r"4\sqrt{5}"),
        (r"24\text{ cm}", r"25\text{ cm}"),
        ("007", "8"),
        ("C", "D"),
        ("D", "A"),
        ("x", "y"),
        (r"\text{Marisol}", r"\text{unMarisol}"),
        (r"\pi", "17"),
        ("½", "17"),
        ("π", "x"),
        ("", "17"),
    ],
)
def test_other_forms(gold: str, wrong: str) -> None:
    parts = distractors(gold)
    assert parts["wrong"] == wrong
    assert len({parts[name] for name in ("gold", "wrong", "wrong2", "wrong3")}) == 4


@given(st.text(alphabet="0123456789-+./,{}\\ abxyABCDfrcinft%$()[]", max_size=30))
def test_no_distractor_is_the_gold(gold: str) -> None:
    parts = distractors(gold)
    stripped = "".join(gold.split()).casefold()
    for name in ("wrong", "wrong2", "wrong3"):
        assert "".join(parts[name].split()).casefold() != stripped
        assert not numbers_equal(parts[name], gold, percent=True, currency=True)


@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_head_and_tail_join_to_the_number(number: int) -> None:
    parts = distractors(str(number))
    if "head" in parts:
        assert parts["head"] + parts["tail"] == str(number)
    assert int(parts["below"]) + 1 == number == int(parts["above"]) - 1
