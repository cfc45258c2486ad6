"""A whole run with a reward model in its configuration, which counts in the last steps only."""

import json
from pathlib import Path

import torch

from cogitate.reward_models.model import RewardCard, from_language_model, save_reward_model
from cogitate.runner import run
from tiny_run import tiny_config, write_tiny_model

CARD = RewardCard(kind="helpfulness", scores="summary", template="qa", centre=0.0, spread=1.0)


def test_a_reward_model_of_the_configuration_counts_in_the_last_steps(tmp_path: Path) -> None:
    policy = write_tiny_model(tmp_path / "policy")
    model = from_language_model(policy)
    with torch.no_grad():
        model.score.weight.copy_(torch.randn(1, 32, generator=torch.manual_seed(1)))
    save_reward_model(model, tmp_path / "helpful", card=CARD, source=policy, pad_id=0)
    part = {"path": str(tmp_path / "helpful"), "name": "helpful", "weight": 0.5, "last_steps": 2}
    config = tiny_config(
        policy, tmp_path / "runs", reward={"random": 1.0, "model": [part]}, template={"name": "qa"}
    )
    run(config)
    lines = (config.run_dir / "metrics.jsonl").read_text().splitlines()
    scores = [json.loads(line)["reward/helpful"] for line in lines]
    assert scores[:2] == [0.0, 0.0]
    assert all(score != 0.0 for score in scores[2:])
    assert len(scores) == 4
