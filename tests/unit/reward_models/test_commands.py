import json
from pathlib import Path

import pytest

from cogitate.cli import main
from cogitate.cli.reward_models import load_reward_model_config
from cogitate.config_toml import write_toml
from cogitate.errors import ConfigError
from cogitate.reward_models.model import reward_model_directory

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "configs" / "reward_models").glob("*.toml"))


@pytest.fixture
def config_file(configure, tmp_path: Path) -> Path:
    path = tmp_path / "rm.toml"
    path.write_text(write_toml(configure().model_dump()))
    return path


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestTrain:
    def test_train_score_report(
        self, config_file: Path, pairs_file: Path, tmp_path: Path, capsys
    ) -> None:
        run = tmp_path / "run"
        assert main(["reward-model", "train", str(config_file), "--run-dir", str(run)]) == 0
        assert "Held-out" in capsys.readouterr().out

        out = tmp_path / "scored.jsonl"
        command = ["reward-model", "score", str(run), str(pairs_file), "--out", str(out)]
        assert main([*command, "--json", "--device", "cpu"]) == 0
        assert json.loads(capsys.readouterr().out) == {"scored": 60, "skipped": 0}
        assert all(-1 < row["chosen_reward"] < 1 for row in rows(out))

        assert main(["reward-model", "report", str(run), str(pairs_file), "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["held_out"]["pairs"] == 60
        wins = sum(r["chosen_reward"] > r["rejected_reward"] for r in rows(out))
        assert report["held_out"]["accuracy"]["value"] == pytest.approx(wins / 60, abs=0.01)

    def test_a_used_directory(self, config_file: Path, tmp_path: Path, capsys) -> None:
        run = tmp_path / "run"
        command = ["reward-model", "train", str(config_file), "--run-dir", str(run)]
        assert main(command) == 0
        assert main(command) == 3
        assert "--resume" in capsys.readouterr().err
        assert main([*command, "--resume"]) == 0

    def test_wrong_settings(self, config_file: Path, capsys) -> None:
        assert main(["reward-model", "train", str(config_file), "--set", "batchsize=3"]) == 2
        assert 'Did you mean "batch_size"?' in capsys.readouterr().err
        with pytest.raises(ConfigError, match=r"epochs"):
            load_reward_model_config(config_file, ["epochs=0"])


class TestScore:
    def test_rows_of_all_kinds(self, configure, tmp_path: Path, capsys) -> None:
        from cogitate.reward_models.training import train_reward_model

        model = train_reward_model(configure()).model
        source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        source.write_text(
            "".join(
                json.dumps(row) + "\n"
                for row in (
                    {"prompt": "a", "completion": "b", "id": 7},
                    {"prompt": "a", "response": "<think>c"},
                    {"prompt": "a"},
                    {"prompt": "a" * 500, "completion": "b"},
                )
            )
        )
        command = ["reward-model", "score", str(model), str(source), "--out", str(out), "--raw"]
        assert main(command) == 0
        assert "3 rows scored, 1 skipped" in capsys.readouterr().out
        found = rows(out)
        assert found[0]["id"] == 7
        assert found[1]["reward"] < 0
        assert found[2]["reward"] is None

    def test_nothing_to_score(self, tmp_path: Path, model_dir: Path, capsys) -> None:
        source = tmp_path / "in.jsonl"
        source.write_text("{}\n")
        command = ["reward-model", "score", str(model_dir), str(source), "--out", "x"]
        assert main(command) == 4
        assert "this is no reward model" in capsys.readouterr().err


class TestPairs:
    def test_pairs_of_a_judge(self, tmp_path: Path, capsys) -> None:
        source, out = tmp_path / "judged.jsonl", tmp_path / "pairs.jsonl"

        def row(first_order: str, second_order: str) -> dict:
            judgements = [
                {"order": "AB", "verdict": first_order}, {"order": "BA", "verdict": second_order},
            ]  # fmt: skip
            return {"prompt": "hi?", "first": "1", "second": "2", "judgements": judgements}

        lines = [row("A>>B", "B>>A"), row("A>B", "B>A"), {"prompt": "x"}]
        source.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert main(["reward-model", "pairs", str(source), "--out", str(out)]) == 0
        text = capsys.readouterr().out
        assert "1 of 2 pairs kept: 1 with too small a gap" in text
        assert "shown as A: +0.00" in text
        prompt = [{"role": "user", "content": "hi?"}]
        assert rows(out) == [{"prompt": prompt, "chosen": "1", "rejected": "2"}]

    def test_no_pair(self, tmp_path: Path, capsys) -> None:
        source = tmp_path / "judged.jsonl"
        source.write_text('{"prompt": "x"}\n')
        assert main(["reward-model", "pairs", str(source), "--out", "x"]) == 4
        assert "row 1: no first, second, judgements" in capsys.readouterr().err


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_configurations_load(path: Path) -> None:
    config = load_reward_model_config(path)
    assert config.kind in path.stem


def test_there_are_configurations() -> None:
    assert len(CONFIGS) >= 3


def test_a_model_is_found_in_its_run(tmp_path: Path) -> None:
    assert reward_model_directory(tmp_path) == tmp_path
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "reward_model.json").write_text("{}")
    assert reward_model_directory(str(tmp_path)) == tmp_path / "final"
