"""The generators of the maths study: their writings mean the gold, their perturbations do not."""

import json
import random
import sys
from fractions import Fraction
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "studies"))

import latex_pieces  # noqa: E402  # pyright: ignore[reportMissingImports]
import maths_agreement  # noqa: E402  # pyright: ignore[reportMissingImports]
import maths_systems  # noqa: E402  # pyright: ignore[reportMissingImports]
from maths_kinds import read_gold  # noqa: E402  # pyright: ignore[reportMissingImports]
from maths_perturbations import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    perturbations,
)
from maths_writings import equivalents  # noqa: E402  # pyright: ignore[reportMissingImports]

GOLDS = {
    "1234": "integer", "-7": "integer", "$12$": "integer", "0": "integer", "0.125": "decimal",
    ".5": "decimal", "-3.10": "decimal", "2.31e12": "scientific", "4e-7": "scientific",
    r"\frac{2}{7}": "fraction", r"$-\frac{9}{4}$": "fraction", r"\frac38": "fraction", "5/6": "fraction",
    r"2 \frac{1}{3}": "fraction", r"12.5\%": "percent", r"\$1,\!250": "money", r"\$3.05": "money",
    r"40^\circ": "degrees", r"$21.5^{\circ}$": "degrees", r"12\mbox{ km}^2": "unit", "121_3": "base",
    "(1,-2)": "tuple", r"\left(\frac{1}{2}, \sqrt{3}, 4\right)": "tuple", "(0,5]": "interval",
    r"(-\infty, 1) \cup (4, \infty)": "interval", r"\{2,4\}": "set", r"\{1 \pm \sqrt{2}\}": "set",
    "2, 9, 11": "list", "$4$,$-6$": "list", "$(1,2), (3,5)$": "list", r"1 \pm \sqrt{7}": "plus-minus",
    r"\begin{pmatrix} 1 \\ -4 \end{pmatrix}": "matrix", r"\text{Tuesday}": "text", r"\text{(B)}": "text",
    "y = 3x - 4": "equation", "$f(n)=n+1$": "equation", "$m=4$": "equation", r"n \geqslant 3": "relation",
    r"4\sqrt{11}": "expression", r"\frac{\sqrt{2}}{6}": "expression", r"9\pi": "expression",
    "x^2 - 3x + 1": "expression", r"\frac{n(n+1)}{6}": "expression", r"e^{-3 t} \sin (2 t)": "expression",
    "5 - 2i": "expression", "the set of all even numbers": "sentence",
}  # fmt: skip


@pytest.mark.parametrize(("gold", "kind"), GOLDS.items())
def test_every_kind_has_six_writings_and_as_many_perturbations(gold: str, kind: str):
    read = read_gold(gold)
    assert read.kind == kind
    own, *others = equivalents(read)
    assert own.answer == latex_pieces.bare(gold)
    assert len({w.answer for w in others}) >= 6
    wrong = perturbations(read)
    assert len(wrong) >= (2 if kind == "sentence" else 6)
    boxes = {(w.answer, w.boxes) for w in wrong}
    assert len(boxes) == len(wrong)
    assert not {w.answer for w in wrong if not w.boxes} & {w.answer for w in (own, *others)}


@pytest.mark.parametrize(
    "gold", [g for g, kind in GOLDS.items() if kind in ("integer", "fraction")]
)
def test_numbers_keep_their_value_and_lose_it(gold: str):
    read = read_gold(gold)
    value = latex_pieces.rational(read.text)
    for writing in equivalents(read):
        other = latex_pieces.rational(writing.answer)
        assert other is None or other == value, writing
    for writing in perturbations(read):
        assert latex_pieces.rational(writing.answer) != value, writing


@pytest.mark.parametrize("gold", ["0.125", "-3.10", "2.31e12"])
def test_decimals_allow_half_a_unit_in_the_last_place(gold: str):
    unit = latex_pieces.unit_in_last_place(gold)
    value = latex_pieces.rational(gold)
    assert unit is not None
    assert value is not None
    for writing in equivalents(read_gold(gold)):
        other = latex_pieces.rational(writing.answer)
        assert other is None or abs(other - value) < unit / 2, writing
    for writing in perturbations(read_gold(gold)):
        other = latex_pieces.rational(writing.answer)
        assert other is None or abs(other - value) > unit / 2, writing


def answers(gold: str, *, right: bool) -> dict[str, str]:
    read = read_gold(gold)
    return {w.rule: w.answer for w in (equivalents(read) if right else perturbations(read))}


def test_writings_by_hand():
    fraction = answers(r"-\frac{9}{4}", right=True)
    assert fraction["exact decimal"] == "-2.25"
    assert fraction["mixed number"] == r"-2\frac{1}{4}"
    assert fraction["sign in the numerator"] == r"\frac{-9}{4}"
    assert "exact decimal" not in answers(r"\frac{2}{7}", right=True)
    root = answers(r"\frac{\sqrt{2}}{6}", right=True)
    assert root["root in the denominator"] == r"\frac{1}{3\sqrt{2}}"
    assert answers(r"4\sqrt{11}", right=True)["one root"] == r"\sqrt{176}"
    assert answers("x^2 - 3x + 1", right=True)["terms reversed"] == "1 - 3x + x^2"
    assert answers("2, 9, 11", right=True)["or"] == r"9, 11 \text{ or } 2"
    assert answers(r"1 \pm \sqrt{7}", right=True)["written out"] == r"1 + \sqrt{7}, 1 - \sqrt{7}"
    assert answers("2.31e12", right=True)["point moved"] == r"23.1 \times 10^{11}"
    assert answers("y = 3x - 4", right=True)["sides exchanged"] == "3x - 4 = y"
    union = answers(r"(-\infty, 1) \cup (4, \infty)", right=True)
    assert union["union reversed"] == r"(4, \infty) \cup (-\infty, 1)"


def test_perturbations_by_hand():
    assert answers("(1,-2)", right=False)["order reversed"] == "(-2, 1)"
    assert answers("(0,5]", right=False)["last end open or closed"] == "(0,5)"
    assert answers("121_3", right=False)["other base"] == "121_{4}"
    assert answers(r"12.5\%", right=False)["sign dropped"] == "12.5"
    assert answers("2, 9, 11", right=False)["a member dropped"] == "2, 9"
    assert answers("x^2 - 3x + 1", right=False)["power"] == "x^3 - 3x + 1"
    assert answers("0.125", right=False)["truncated"] == "0.12"
    assert answers("7", right=False)["hedge: or"] == r"7 \text{ or } 8"
    assert answers(r"2\pi n", right=False)["last factor dropped"] == r"2 \cdot \pi"
    # A pair that reads the same backwards, and a member that is there already, change nothing.
    assert "order reversed" not in answers("(4,4)", right=False)
    assert "a member too many" not in answers("3, 1", right=False)


def test_pieces():
    assert latex_pieces.terms(r"a^{-1} - (b + c) + \frac{1}{2}") == [
        ("+", "a^{-1}"), ("-", "(b + c)"), ("+", r"\frac{1}{2}"),
    ]  # fmt: skip
    assert latex_pieces.terms("x = 1 + 2") == []
    assert latex_pieces.terms(r"1 \pm 2") == []
    assert latex_pieces.factors(r"2 \pi (n+1)^{2}") == ["2", r"\pi", "(n+1)^{2}"]
    assert latex_pieces.factors("f(x)") == []
    assert latex_pieces.inside(r"\left( 1, 2 \right)", "(", ")") == "1, 2"
    assert latex_pieces.inside("(1)(2)", "(", ")") is None
    assert not latex_pieces.balanced("(1")
    assert latex_pieces.rational(r"\frac{1}{0}") is None
    assert latex_pieces.decimal_text(Fraction(1, 1024)) == "0.0009765625"


def test_string_rule():
    assert maths_systems.string_rule(r"\frac{1}{2}", r"So $\boxed{\dfrac12}$.")
    assert maths_systems.string_rule("$3$", r"\boxed{x = 3}")
    assert maths_systems.string_rule("5", r"\boxed{5\text{ cm}}")
    assert maths_systems.string_rule(r"\sqrt{3}", r"\boxed{\sqrt3}")
    assert not maths_systems.string_rule("1000", r"\boxed{1,000}")
    assert not maths_systems.string_rule("5", "5")


def test_the_other_system_survives_its_process():
    pytest.importorskip("math_verify")
    system = maths_systems.MathVerify()
    try:
        assert system(r"\frac{1}{2}", r"\boxed{0.5}") is True
        assert system(r"\frac{1}{2}", r"\boxed{0.6}") is False
        system.close()
        assert system("4", r"\boxed{4}") is True
    finally:
        system.close()


def test_a_study_in_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [
        {"id": f"p{i}", "answer": gold} for i, gold in enumerate(("12", r"\frac{2}{7}", "1, 5"))
    ]
    (tmp_path / "small.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = tmp_path / "differences.jsonl"
    options = maths_agreement.parse_options(
        ["--data", str(tmp_path), "--sets", "small", "--differences", str(found), "--ours-only"]
    )
    data = maths_agreement.read_data(options.data, options.sets, 0)
    results = maths_agreement.judge_all(data, options)
    tally = results.tallies["small"]["cogitate"]
    assert tally.equivalents.total() == 3 * 9
    assert tally.perturbed.total() == 3 * 8
    assert tally.equivalents["correct"] == 3 * 9
    assert tally.perturbed["wrong"] == 3 * 8
    assert results.fewest["small"] == 8
    text = maths_agreement.figures(results, options)
    assert "| small | cogitate | 100.00 [87.54, 100.00]" in text


def test_the_same_seed_gives_the_same_trials():
    problem = {"id": "p", "answer": r"\frac{5}{8}"}
    first, again = (maths_agreement.trials_of("s", problem, most=6, seed=3)[1] for _ in range(2))
    assert first == again
    assert first != maths_agreement.trials_of("s", problem, most=6, seed=4)[1]
    assert all(trial.completion.startswith("<think>\n") for trial in first)


def test_absent_data_is_a_clear_message(tmp_path: Path):
    with pytest.raises(SystemExit, match="there is no such file.*--data should name a folder"):
        maths_agreement.read_data(tmp_path, ["nowhere"], 0)


def test_boxes_never_stand_in_mathematics_twice():
    rng = random.Random(0)
    for gold in ("12", "2, 9, 11"):
        for writing in equivalents(read_gold(gold)):
            text = maths_agreement.completion_of(writing, rng)
            assert text.count(r"\boxed{") >= 1
            assert "$$" not in text or "$" not in writing.answer.replace(r"\$", "")
