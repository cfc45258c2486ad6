import json
from pathlib import Path

import pytest

from cogitate.errors import DataError
from cogitate.reward_models.config import RewardModelConfig
from cogitate.reward_models.dataset import evaluation_items, prepare
from cogitate.reward_models.lengths import log_ratio
from cogitate.testing import byte_chat

CHAT = byte_chat("qa")


def config(path: Path, **changes) -> RewardModelConfig:
    table = {
        "kind": "helpfulness", "data": {"path": str(path)}, "length": {"data": "all"}, **changes,
    }  # fmt: skip
    return RewardModelConfig.model_validate(table)


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(number: int, chosen: str = "aa", rejected: str = "b") -> dict[str, str]:
    return {"prompt": f"question {number}", "chosen": chosen, "rejected": rejected}


class TestSplit:
    def test_no_prompt_is_on_both_sides(self, tmp_path: Path) -> None:
        rows = [row(n % 40, chosen=f"a{n}") for n in range(200)]
        data = prepare(config(write(tmp_path / "p.jsonl", rows)), CHAT, longest=8192)
        train, test = ({item.prompt for item in side} for side in (data.train, data.held_out))
        assert train
        assert test
        assert not train & test
        assert data.counts.train + data.counts.held_out == 200

    def test_a_file_of_its_own(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.jsonl", [row(n) for n in range(20)])
        other = write(tmp_path / "h.jsonl", [row(n) for n in range(100, 107)])
        section = {"path": str(path), "held_out_path": str(other)}
        data = prepare(config(path, data=section), CHAT, longest=8192)
        assert (data.counts.train, data.counts.held_out) == (20, 7)

    def test_max_rows_keeps_the_order(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.jsonl", [row(n) for n in range(50)])
        some = {"path": str(path), "max_rows": 5}
        data = prepare(config(path, data=some), CHAT, longest=8192)
        numbers = [int(item.name.partition("/")[2]) for item in data.train]
        assert len(numbers) == 5
        assert numbers == sorted(numbers)


class TestText:
    def test_helpfulness_reads_the_summary(self, tmp_path: Path) -> None:
        rows = [row(n, chosen="<think>long</think> yes", rejected="no") for n in range(9)]
        path = write(tmp_path / "p.jsonl", rows)
        item = evaluation_items(config(path), CHAT, longest=8192)[0]
        assert bytes(item.completions[0][:-1]) == b"yes"
        whole = evaluation_items(config(path, scores="whole"), CHAT, longest=8192)[0]
        assert bytes(whole.completions[0][:-1]) == b"<think>long</think> yes"

    def test_rows_without_a_summary_or_too_long_are_counted(self, tmp_path: Path) -> None:
        rows = [row(1), row(2, chosen="<think>never ends"), row(3, chosen="c" * 200)]
        path = write(tmp_path / "p.jsonl", rows)
        section = {"path": str(path), "held_out_path": str(path)}
        counts = prepare(config(path, max_tokens=64, data=section), CHAT, longest=8192).counts
        assert (counts.train, counts.nothing_to_score, counts.too_long) == (1, 2, 2)

    def test_nothing_left(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.jsonl", [row(n) for n in range(9)])
        with pytest.raises(DataError, match=r"no row is left.*9 too long"):
            prepare(config(path, max_tokens=5), CHAT, longest=8192)
        with pytest.raises(DataError, match=r"no row is left.*The model reads 5 tokens"):
            prepare(config(path), CHAT, longest=5)
        with pytest.raises(DataError, match="no row can be scored"):
            evaluation_items(config(path), CHAT, longest=5)


class TestLengthControl:
    def test_balanced_and_offset(self, tmp_path: Path) -> None:
        rows = [row(n, "aaaa", "b") if n % 4 else row(n, "b", "aaaa") for n in range(80)]
        path = write(tmp_path / "p.jsonl", rows)
        free = prepare(config(path), CHAT, longest=8192)
        assert free.counts.longer_won == pytest.approx(0.75, abs=0.08)
        assert {item.offset for item in free.train} == {0.0}

        even = prepare(config(path, length={"data": "balanced"}), CHAT, longest=8192)
        signs = [log_ratio(*item.lengths) > 0 for item in even.train]
        assert sum(signs) * 2 == len(signs)
        assert even.counts.dropped_by_length == len(free.train) - len(even.train)
        assert even.counts.longer_won == free.counts.longer_won

        offset = prepare(config(path, length={"data": "all", "offset": True}), CHAT, longest=8192)
        b = offset.counts.length_coefficient
        assert b > 0
        for item in offset.train:
            assert item.offset == pytest.approx(b * log_ratio(*item.lengths))

    def test_matched(self, tmp_path: Path) -> None:
        rows = [row(n, "aaaa", "bbbb" if n % 2 else "b") for n in range(40)]
        path = write(tmp_path / "p.jsonl", rows)
        data = prepare(config(path, length={"data": "matched"}), CHAT, longest=8192)
        assert {item.lengths for item in data.train} == {(5, 5)}

    def test_the_digest_sees_every_change(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.jsonl", [row(n) for n in range(20)])
        first = prepare(config(path), CHAT, longest=8192).digest()
        assert first == prepare(config(path), CHAT, longest=8192).digest()
        write(path, [row(n, chosen="ab") for n in range(20)])
        assert prepare(config(path), CHAT, longest=8192).digest() != first


class TestSettings:
    def test_published_defaults(self, tmp_path: Path) -> None:
        made = RewardModelConfig.model_validate({"kind": "safety", "data": {"path": "x"}})
        assert (made.epochs, made.batch_size, made.max_tokens) == (1, 256, 8192)
        assert made.optimizer.learning_rate == 6e-6
        assert made.scored == "whole"
        assert config(tmp_path).scored == "summary"

    def test_safety_has_no_pairs_to_balance(self) -> None:
        table = {"kind": "safety", "data": {"path": "x"}, "length": {"data": "balanced"}}
        with pytest.raises(ValueError, match="safety data have none"):
            RewardModelConfig.model_validate(table)
