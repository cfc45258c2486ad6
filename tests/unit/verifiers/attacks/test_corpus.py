import json
from collections import Counter

import pytest

from cogitate.verifiers.attacks import corpus, from_problems
from cogitate.verifiers.attacks.corpus import CANARY, LAYOUTS, in_layout
from cogitate.verifiers.exact import numbers_equal

ROWS = corpus()

# The classes of attack that are known (family -> fewest rows), and the lines of the list of
# writings that break verifiers.
ATTACKS = {
    "hedging": 60, "location": 60, "restating": 20, "false-positive": 80, "hostile": 60,
    "procedural": 40, "format": 25, "repetition": 2, "language": 6, "early-exit": 12,
    "fake-result": 5, "output": 10, "equality": 15, "reading-answers": 10, "input-mutation": 3,
    "hard-coding": 4, "resource": 20, "escape": 10, "judge": 20,
}  # fmt: skip
WRITINGS = (
    "styling", "thousands", "mixed-number", "decimal", "scientific", "percent", "unit",
    "assignment", "collection", "interval", "notation", "text", "template", "unicode", "trimming",
    "gold",
)  # fmt: skip


def test_there_are_enough_rows() -> None:
    assert len(ROWS) >= 700
    kinds = Counter(row.kind for row in ROWS)
    assert kinds["code_stdio"] + kinds["code_function"] >= 60
    assert set(kinds) == {
        "math", "gsm8k", "mcq", "code_stdio", "code_function", "countdown", "integration",
        "matrix_text", "format", "reasoning_steps", "repetition", "language", "judge",
    }  # fmt: skip


@pytest.mark.parametrize("family", ATTACKS)
def test_every_class_of_attack_is_there(family: str) -> None:
    wrong = [row for row in ROWS if row.family == family and row.correct is False]
    assert len(wrong) >= 0.6 * ATTACKS[family], family


@pytest.mark.parametrize("family", WRITINGS)
def test_every_line_of_writings_is_there(family: str) -> None:
    assert any(row.family == family for row in ROWS)


@pytest.mark.parametrize("kind", sorted({row.kind for row in ROWS}))
def test_every_kind_has_right_rows_and_wrong_ones(kind: str) -> None:
    expectations = {row.correct for row in corpus([kind])}
    assert {True, False} <= expectations


def test_ids_are_unique_and_readable() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert all(row.id.startswith(f"{row.kind}/{row.family}/") for row in ROWS)
    assert all(row.why and len(row.why) < 100 for row in ROWS)
    assert all(row.limit > 0 for row in ROWS)


def test_nothing_is_left_to_fill_in() -> None:
    assert not [row.id for row in ROWS if "\u27e6" in row.completion or "\u27e7" in row.completion]


def test_completions_differ() -> None:
    seen = Counter((row.kind, str(row.gold), row.completion, row.prefilled) for row in ROWS)
    assert [key[2][-80:] for key, count in seen.items() if count > 1] == []


def test_wrong_answers_of_numbers_are_other_numbers() -> None:
    # A distractor equal to the gold would accuse every verifier.
    for row in ROWS:
        if row.id.split("/")[2] == "off-by-one" and row.kind == "math":
            answer = row.completion.rpartition("{")[2].rpartition("}")[0]
            assert not numbers_equal(answer, row.gold), row.id


def test_rows_are_json_that_grade_reads() -> None:
    for row in ROWS:
        fields = json.loads(json.dumps(row.row()))
        assert {"task_kind", "ground_truth", "completion", "should_be_correct"} <= fields.keys()
    [row] = [r for r in ROWS if r.id == "math/location/unclosed-prefilled"]
    assert row.row()["prefilled_think"] is True
    assert row.row()["expected_status"] == "unparseable"


def test_repetitions_and_characters() -> None:
    rows = {row.id: row for row in ROWS}
    assert rows["math/hostile/deep-braces"].completion.count("{") == 5001
    assert "57\x008" in rows["math/hostile/nul-after-gold"].completion
    assert "\ud800" in rows["math/hostile/surrogate"].completion
    assert CANARY in rows["code_function/escape/writes-outside"].completion


class TestInLayout:
    def test_answers_move_and_boxes_stay_out(self) -> None:
        rows = in_layout(ROWS, "answer_tag")
        assert len(rows) > 250
        assert all("<answer>" in row.completion for row in rows)
        assert all(row.template == "answer_tag" for row in rows)
        assert not [row.id for row in rows if "box-spray" in row.id]

    def test_a_line_is_all_of_the_completion(self) -> None:
        rows = {row.id: row for row in in_layout(ROWS, "line")}
        assert rows["math/styling/plain/57"].completion == "57"

    def test_only_rows_that_were_given(self) -> None:
        some = [row for row in ROWS if row.family == "hedging"]
        assert {row.family for row in in_layout(some, "hash4")} == {"hedging"}


class TestFromProblems:
    def test_rows_of_ones_own_problems(self) -> None:
        rows = from_problems([("What is 20 + 3?", "23"), ("Who won?", "Ada")])
        assert rows[0].completion.endswith(r"The answer is $\boxed{23}$.")
        assert rows[0].plain
        assert rows[0].correct
        assert {row.gold for row in rows} == {"23", "Ada"}
        assert len({row.id for row in rows}) == len(rows) > 150
        assert all(row.id.endswith(("/0", "/1")) for row in rows)
        assert {row.id.split("/")[2] for row in rows if "57" in row.completion} <= {"many-digits"}

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_every_layout(self, layout: str) -> None:
        rows = from_problems([("q", "23")], layout=layout)
        assert len(rows) > 20
        assert LAYOUTS[layout] % "23" in rows[0].completion

    @pytest.mark.parametrize("gold", ["0", "-0", "0.0", "6.25", "1e3", r"\frac{1}{2}", "50%"])
    def test_no_distortion_is_the_gold_after_all(self, gold: str) -> None:
        for row in from_problems([("q", gold)], layout="line"):
            if row.correct is False and "answer" not in row.family:
                assert not numbers_equal(row.completion, gold, percent=True), row.id

    def test_zero_has_no_sign(self) -> None:
        names = {row.id.split("/")[2] for row in from_problems([("q", "0")])}
        assert not names & {"plus-minus", "sign", "appended-digit", "uncertainty"}
