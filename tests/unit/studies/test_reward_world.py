"""The world of the reward-model study: what is planted is there, and what is fair is fair."""

import sys
from itertools import islice
from pathlib import Path

import pytest

from cogitate.tasks.hashing import Draw

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "studies"))

import reward_models  # noqa: E402  # pyright: ignore[reportMissingImports]
import reward_world  # noqa: E402  # pyright: ignore[reportMissingImports]

TASK = reward_world.Largest()


def gold(question: str) -> str:
    return max(question.split()[1:])


def right(row: dict[str, str], side: str) -> bool:
    return row[side].split()[-1] == gold(row["prompt"])


def fillers(row: dict[str, str], side: str) -> int:
    return len(row[side].split()) - 1


class TestTask:
    def test_it_verifies_its_solution_and_nothing_else(self) -> None:
        problem = TASK.problem("train", 3)
        assert TASK.verify(problem, TASK.solution(problem)[1]) == 1.0
        assert TASK.verify(problem, f"well so {problem.answer}") == 1.0
        assert TASK.verify(problem, f"{problem.answer} well") == 0.0
        assert TASK.verify(problem, None) == TASK.verify(problem, "") == 0.0

    def test_no_set_of_digits_is_on_both_sides(self) -> None:
        def seen(split: str) -> set[tuple[int, ...]]:
            problems = (TASK.problem(split, index) for index in range(300))
            return {tuple(sorted(p.metadata["digits"])) for p in problems}

        assert not seen("train") & seen("heldout")
        assert TASK.problem("train", 5) == TASK.problem("train", 5)

    def test_lines(self) -> None:
        problem, draw = TASK.problem("train", 1), Draw("test")
        for wanted in (True, False):
            text = reward_world.line(draw, problem, right=wanted, fillers=3)
            assert TASK.verify(problem, text) == float(wanted)
            assert len(text.split()) == 4
            assert set(text.split()[:3]) <= set(reward_world.FILLERS)

    def test_the_writer_is_imperfect(self) -> None:
        draw = Draw("writer")
        problems = [TASK.problem("train", i) for i in range(600)]
        marks = [TASK.verify(p, reward_world.written(draw, p)) for p in problems]
        assert 0.64 < sum(mark == 1.0 for mark in marks) / 600 < 0.76


class TestPairs:
    def test_the_planted_bias(self) -> None:
        rows = list(reward_world.biased_pairs(2000, seed=0, quality=3.0, length=1.0))
        longer = [fillers(r, "chosen") > fillers(r, "rejected") for r in rows
                  if fillers(r, "chosen") != fillers(r, "rejected")]  # fmt: skip
        assert sum(longer) / len(longer) > 0.7
        # At equal length, a right answer beats a wrong one with sigmoid(3) = 0.95.
        even = [right(r, "chosen") for r in rows
                if fillers(r, "chosen") == fillers(r, "rejected")
                and right(r, "chosen") != right(r, "rejected")]  # fmt: skip
        assert 0.88 < sum(even) / len(even) <= 1.0

    def test_without_a_bias_length_says_nothing(self) -> None:
        rows = list(reward_world.biased_pairs(2000, seed=0, quality=3.0, length=0.0))
        longer = [fillers(r, "chosen") > fillers(r, "rejected") for r in rows
                  if fillers(r, "chosen") != fillers(r, "rejected")]  # fmt: skip
        assert 0.46 < sum(longer) / len(longer) < 0.54

    def test_fair_pairs(self) -> None:
        rows = list(reward_world.fair_pairs(800, seed=1))
        assert all(right(r, "chosen") and not right(r, "rejected") for r in rows)
        gap = sum(fillers(r, "chosen") - fillers(r, "rejected") for r in rows) / len(rows)
        assert abs(gap) < 0.35

    def test_equal_pairs(self) -> None:
        for row in islice(reward_world.equal_pairs(100, seed=1), 100):
            assert right(row, "chosen")
            assert right(row, "rejected")
            assert fillers(row, "chosen") > fillers(row, "rejected")


class TestPage:
    @pytest.mark.parametrize(("steps", "last"), [(32, 8), (1700, 400)])
    def test_the_papers_share_of_last_steps(self, steps: int, last: int) -> None:
        arms = reward_models.arms_of(steps)
        assert {arm.last_steps for arm in arms} == {0, last, last // 2}
        assert len({arm.name for arm in arms}) == len(arms)

    def test_tables(self) -> None:
        share = {"value": 0.5, "ci95": [0.4, 0.6]}
        names = (*reward_models.MEASURED, "biased_accuracy", "equal_prefers_longer")
        bias = [{"control": "none", "seed": 0, "train_pairs": 9, **dict.fromkeys(names, share),
                 "score_length": {"value": 0.1, "ci95": [0.0, 0.2]}}]  # fmt: skip
        probe = {"step": 0, "accuracy": 0.7, "ci95": [0.6, 0.8], "preference": -0.5,
                 "length": 5.0, "truncated": 0.0}  # fmt: skip
        last = {**probe, "step": 4, "accuracy": 0.1, "preference": 0.9}
        curves = [{"name": "both", "seed": 0, "rows": [probe, last]}]
        text = reward_models.page(bias, curves, 60.0)
        assert "| none | 0 | 9 | 50.0 [40.0, 60.0] |" in text
        assert "| both | 0 | 70 / -0.50 | 10 / +0.90 |" in text
        assert "Control none: accuracy 50.0 (50.0 to 50.0) %" in text

    def test_what_is_done_is_kept(self, tmp_path: Path) -> None:
        made: list[int] = []
        for _ in range(2):
            value = reward_models.once(tmp_path / "a.json", lambda: made.append(1) or [1, 2])
            assert value == [1, 2]
        assert made == [1]
