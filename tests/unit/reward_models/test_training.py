"""Whole trainings of a tiny model: what they write, and that an interruption changes no byte."""

import hashlib
import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from cogitate.errors import CheckpointError
from cogitate.reward_models import training
from cogitate.reward_models.figures import pair_figures, safety_figures
from cogitate.reward_models.model import RewardCard, load_reward_model
from cogitate.reward_models.report import report_text
from cogitate.reward_models.training import train_reward_model


def hashes(run: Path) -> dict[str, str]:
    """Everything that must not depend on interruptions."""
    paths = [run / "metrics.jsonl", run / "report.json", *(run / "final").iterdir()]
    paths += [p for p in [run / "evals.jsonl"] if p.exists()]
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def stop_at(monkeypatch: pytest.MonkeyPatch, name: str, count: int) -> None:
    """Let the training die at a crash point."""
    seen: Counter[str] = Counter()

    def crash(point: str) -> None:
        seen[point] += 1
        if point == name and seen[point] == count:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "crash_point", crash)


class TestPairs:
    def test_it_learns_and_says_so(self, configure, tmp_path: Path) -> None:
        lines: list[str] = []
        result = train_reward_model(configure(epochs=6), say=lines.append)
        assert result.exit_code == 0
        assert result.report is not None
        held_out = result.report["held_out"]
        assert held_out["accuracy"]["value"] >= 0.9
        assert held_out["log_loss"] < 0.5
        assert lines[0].startswith("5")
        assert any("s a step" in line and "left" in line for line in lines)
        text = (result.run_dir / "report.txt").read_text()
        assert text == report_text(result.report)
        assert "Held-out" in text
        assert json.loads((result.run_dir / "report.json").read_text()) == json.loads(
            json.dumps(result.report)
        )

    def test_the_card_centres_the_scores(self, configure) -> None:
        result = train_reward_model(configure())
        assert result.model is not None
        card = RewardCard.read(result.model)
        assert (card.kind, card.scores, card.template) == ("helpfulness", "summary", "qa")
        assert card.spread > 0
        assert load_reward_model(result.model).score.weight.abs().sum() > 0

    def test_it_repeats(self, configure, tmp_path: Path) -> None:
        runs = [train_reward_model(configure(name=name)).run_dir for name in ("a", "b")]
        assert hashes(runs[0]) == hashes(runs[1])
        other = train_reward_model(configure(name="c", seed=1)).run_dir
        assert hashes(runs[0])["metrics.jsonl"] != hashes(other)["metrics.jsonl"]


def test_safety(configure) -> None:
    result = train_reward_model(configure("safety", epochs=6))
    assert result.report is not None
    assert result.report["held_out"]["accuracy"]["value"] >= 0.9
    assert result.report["held_out"]["auc"]["value"] > 0.9
    assert result.report["length"] is None
    assert "area under the curve" in (result.run_dir / "report.txt").read_text()


class TestResume:
    @pytest.mark.parametrize(
        ("freeze", "point", "count"),
        [
            (False, "reward_model.backward", 2),  # before any checkpoint
            (False, "reward_model.step", 5),
            (True, "reward_model.step", 3),
        ],
    )
    def test_an_interruption_changes_no_byte(
        self, configure, model_dir: Path, monkeypatch, freeze: bool, point: str, count: int
    ) -> None:
        model = {"source": str(model_dir), "device": "cpu", "template": "qa", "freeze": freeze}
        plain = train_reward_model(configure(name="plain", model=model, eval_every=2)).run_dir
        broken = configure(name="broken", model=model, eval_every=2)
        with monkeypatch.context() as patch:
            stop_at(patch, point, count)
            with pytest.raises(KeyboardInterrupt):
                train_reward_model(broken)
        resumed = train_reward_model(broken, resume=True).run_dir
        assert hashes(resumed) == hashes(plain)

    def test_a_signal_saves_and_stops(self, configure, monkeypatch) -> None:
        monkeypatch.setattr(training, "_SAY_EVERY", 0.0)
        plain = train_reward_model(configure(name="plain")).run_dir

        def say(line: str) -> None:
            if line.startswith("step 2/"):
                signal.raise_signal(signal.SIGINT)

        stopped = train_reward_model(configure(name="stopped"), say=say)
        assert (stopped.step, stopped.model, stopped.exit_code) == (2, None, 130)
        resumed = train_reward_model(configure(name="stopped"), resume=True)
        assert resumed.exit_code == 0
        assert hashes(resumed.run_dir) == hashes(plain)

    def test_other_settings_are_refused(self, configure, monkeypatch) -> None:
        with monkeypatch.context() as patch:
            stop_at(patch, "reward_model.step", 4)
            with pytest.raises(KeyboardInterrupt):
                train_reward_model(configure())
        with pytest.raises(CheckpointError, match="already holds results"):
            train_reward_model(configure())
        with pytest.raises(CheckpointError, match=r"batch_size: 16 -> 8"):
            train_reward_model(configure(batch_size=8), resume=True)
        assert train_reward_model(configure(micro_batch_tokens=64), resume=True).exit_code == 0

    def test_other_data_are_refused(self, configure, monkeypatch, tmp_path: Path) -> None:
        path = tmp_path / "own.jsonl"
        rows = [{"prompt": f"q{n}", "chosen": "x", "rejected": "y"} for n in range(60)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        with monkeypatch.context() as patch:
            stop_at(patch, "reward_model.step", 4)
            with pytest.raises(KeyboardInterrupt):
                train_reward_model(configure(data={"path": str(path)}))
        path.write_text("".join(json.dumps({**row, "chosen": "z"}) + "\n" for row in rows))
        with pytest.raises(CheckpointError, match="other contents of what data names"):
            train_reward_model(configure(data={"path": str(path)}), resume=True)


class TestReport:
    def test_without_held_out_rows(self) -> None:
        report = {"kind": "helpfulness", "scores": "summary", "held_out": None}
        assert "nothing here says how good" in report_text(report)

    def test_empty_figures_are_words(self) -> None:
        from dataclasses import asdict

        for figures in (pair_figures([]), safety_figures([])):
            report = {"kind": "safety", "scores": "whole", "held_out": asdict(figures)}
            assert "none" in report_text(report)
            assert "whole completion" in report_text(report)
