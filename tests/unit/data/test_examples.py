import json
from pathlib import Path
from typing import Any

import pytest

from cogitate.data.examples import file_examples, read_examples, to_example
from cogitate.errors import DataError
from cogitate.tasks.columns import RowError
from cogitate.testing import byte_chat

QA = byte_chat("qa")
R1 = byte_chat("r1_zero")
TURNS = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": " 2\n"}]


def text(ids: Any) -> str:
    return QA.decode(ids)


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class TestRows:
    @pytest.mark.parametrize(
        "row",
        [
            {"prompt": "1 + 1?", "completion": " 2\n"},
            {"prompt": TURNS[:1], "completion": " 2\n"},
            {"prompt": TURNS[:1], "completion": TURNS[1:]},
            {"messages": TURNS},
        ],
    )
    def test_conversations_of_every_shape(self, row: dict[str, Any]) -> None:
        prompt, completion = to_example(row, 1, QA)
        assert text(prompt) == "Q: 1 + 1?\nA:"
        assert text(completion) == " 2\n"

    def test_an_end_token_where_the_template_has_one(self) -> None:
        _, completion = to_example({"prompt": "1 + 1?", "completion": " two"}, 1, R1)
        assert completion[:-1] == tuple(b" two")
        assert completion[-1] in R1.tokenizer.eos_ids

    def test_several_turns(self) -> None:
        more = [*TURNS, {"role": "user", "content": "2 + 2?"},
                {"role": "assistant", "content": " 4\n"}]  # fmt: skip
        prompt, completion = to_example({"messages": more}, 1, byte_chat("chat"))
        assert text(prompt).count("<|im_start|>user") == 2
        assert text(completion).startswith(" 4")

    def test_rollouts_of_a_run_are_taken_token_by_token(self) -> None:
        row = {"prompt": "ignored", "completion": "x", "prompt_ids": [1, 2], "completion_ids": [3]}
        assert to_example(row, 1, QA) == ((1, 2), (3,))

    def test_worked_solutions_use_the_layout_of_the_template(self) -> None:
        row = {"question": "What is 6 times 7?", "answer": "6 * 7 = 42. That is it.\n#### 42"}
        prompt, completion = to_example(row, 1, R1)
        assert text(prompt).endswith("User: What is 6 times 7?. Assistant:")
        assert "<think> 6 * 7 = 42." in text(completion)
        assert "<answer> 42 </answer>" in text(completion)

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"prompt": "a", "completion": "  "}, "the completion is empty"),
            ({"prompt": "a", "completion": TURNS}, "not one assistant message"),
            ({"messages": TURNS[:1]}, "not by the assistant"),
            ({"messages": TURNS[1:]}, "no user turn"),
            ({"messages": [{"role": "oracle", "content": "x"}]}, "role 'oracle'"),
            ({"messages": []}, "neither text nor a list"),
            ({"prompt_ids": [1], "completion_ids": []}, "empty"),
            ({"prompt_ids": "12", "completion_ids": [1]}, "not a list of whole numbers"),
            ({"prompt_ids": [-1], "completion_ids": [1]}, "not a list of whole numbers"),
            ({"other": 1}, "fit no known style"),
        ],
    )
    def test_rows_that_are_no_example(self, row: dict[str, Any], reason: str) -> None:
        with pytest.raises(RowError, match=reason):
            to_example(row, 1, QA)


class TestFiles:
    def test_bad_rows_are_skipped_and_counted(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "a.jsonl"
        path.write_text('{"prompt": "a", "completion": "b"}\nnot json\n{"x": 1}\n')
        examples, faults = read_examples(path, QA)
        assert len(examples) == 1
        assert [fault.number for fault in faults] == [2, 3]
        file_examples(path, QA)
        assert "skipped 2 of 3 rows, first row 2" in caplog.text

    def test_solutions_that_do_not_fit_the_template_are_skipped(self, tmp_path: Path) -> None:
        rows = [{"question": "What is 6 times 7?", "answer": "42"}]  # no thinking to show
        examples, faults = read_examples(write(tmp_path / "a.jsonl", rows), R1)
        assert examples == []
        assert "thinking" in faults[0].reason

    def test_a_file_without_examples_is_an_error(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", [{"x": 1}])
        with pytest.raises(
            DataError, match=r"none of 1 rows.*First: row 1: .*prompt and completion"
        ):
            file_examples(path, QA)
        with pytest.raises(DataError, match="no such file"):
            file_examples(tmp_path / "none.jsonl", QA)

    def test_every_pass_shows_every_example_once_in_another_order(self, tmp_path: Path) -> None:
        rows = [{"prompt": f"q{i}", "completion": f"a{i}"} for i in range(20)]
        source = file_examples(write(tmp_path / "a.jsonl", rows), QA, seed=3)
        first = [text(source(i)[1]) for i in range(20)]
        second = [text(source(i)[1]) for i in range(20, 40)]
        assert sorted(first) == sorted(second) == sorted(f"a{i}" for i in range(20))
        assert first != second
        assert [text(source(i)[1]) for i in range(20)] == first  # a pure function of the number
        other = file_examples(tmp_path / "a.jsonl", QA, seed=4)
        assert [text(other(i)[1]) for i in range(20)] != first


def test_rollouts_of_held_out_problems_are_no_examples() -> None:
    row = {"problem_id": "arithmetic/heldout/0a1b", "prompt_ids": [1], "completion_ids": [2]}
    with pytest.raises(RowError, match="held out"):
        to_example(row, 1, byte_chat())
    assert to_example({**row, "problem_id": "arithmetic/train/0a1b"}, 1, byte_chat())
