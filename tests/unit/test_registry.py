import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cogitate.errors import ConfigError, DataError
from cogitate.policies.local import LocalPolicy
from cogitate.protocols import Placement, Scoring
from cogitate.registry import build_components, resolve_device
from cogitate.rewards.rubric import Rubric
from tiny_run import tiny_config, write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def build(model: Path, folder: Path, /, **changes: Any) -> Any:
    return build_components(tiny_config(model, folder, **changes), model_dir=model)


def test_all_parts_are_there_and_belong_together(model: Path, tmp_path: Path) -> None:
    parts = build(model, tmp_path)
    assert list(parts.mixture.tasks) == ["arithmetic", "extremes"]
    assert parts.mixture.weights == (1.0, 0.5)
    assert parts.chat.template.name == "qa"
    assert parts.source == model
    assert parts.examples is None
    assert isinstance(parts.placement, Placement)
    assert isinstance(parts.rubric, Scoring)
    assert isinstance(parts.rubric, Rubric)
    assert parts.rubric.weights["random"] == 1.0
    # One set of weights: what the policy learns, the engine samples from.
    engine, policy = parts.placement.engine, parts.placement.policy
    assert isinstance(policy, LocalPolicy)
    assert getattr(engine, "model", None) is policy.model


def test_settings_reach_the_parts(model: Path, tmp_path: Path) -> None:
    parts = build(
        model, tmp_path, model={"train_embedding": False}, engine={"slots": 3},
        sampling={"temperature": 0.5}, grpo={"steps": 7, "updates_per_step": 3,
                                             "micro_batch_tokens": 99},
    )  # fmt: skip
    policy = parts.placement.policy
    assert isinstance(policy, LocalPolicy)
    assert "embedding.weight" not in policy.parameters
    assert policy.total_updates == 21
    assert policy.micro_batch_tokens == 99
    assert policy.head.beta == 2.0  # 1 / temperature
    assert parts.placement.engine.slots == 3


def test_a_reference_only_for_a_kl_penalty(model: Path, tmp_path: Path) -> None:
    assert build(model, tmp_path).placement.reference is None
    loss = {"kind": "grpo", "kl_coef": 0.01}
    assert build(model, tmp_path, grpo={"loss": loss}).placement.reference is not None
    sft = build(model, tmp_path, algorithm="sft", grpo={"loss": loss})
    assert sft.placement.reference is None


def test_options_reach_the_template(model: Path, tmp_path: Path) -> None:
    parts = build(model, tmp_path, template={"name": "qa", "stop_strings": [";"]})
    assert parts.chat.stop_strings == (";",)
    parts = build(model, tmp_path, template={"name": "chat", "instruction": "Think."})
    prompt = parts.chat.render_prompt(parts.mixture.problem("train", 0))
    assert prompt.text.endswith("\nThink.<|im_end|>\n<|im_start|>assistant\n")


def test_unknown_names_list_the_known_ones(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'unknown template "qaa". Known: qa, .*Did you mean'):
        build(model, tmp_path, template={"name": "qaa"})
    with pytest.raises(ConfigError, match="template qa: unknown option instruction"):
        build(model, tmp_path, template={"name": "qa", "instruction": "Think."})
    with pytest.raises(DataError, match="no tokenizer.json"):
        build_components(tiny_config(model, tmp_path), model_dir=tmp_path)


class TestExamples:
    def test_worked_solutions(self, model: Path, tmp_path: Path) -> None:
        parts = build(model, tmp_path, algorithm="sft")
        prompt, completion = parts.examples(0)
        problem = parts.mixture.problem("train", 0)
        assert parts.chat.decode(prompt) == f"Q: {problem.question}\nA:"
        assert parts.chat.decode(completion) == f" {problem.answer}\n"
        assert parts.placement.policy.head.beta == 1.0

    def test_a_file(self, model: Path, tmp_path: Path) -> None:
        path = tmp_path / "sft.jsonl"
        path.write_text(json.dumps({"prompt": "1 + 1?", "completion": " 2\n"}) + "\n")
        parts = build(model, tmp_path, algorithm="sft", sft={"source": str(path)})
        prompt, completion = parts.examples(5)
        assert parts.chat.decode(prompt) == "Q: 1 + 1?\nA:"
        assert parts.chat.decode(completion) == " 2\n"


class TestDevice:
    def test_without_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert resolve_device("auto") == "cpu"
        assert resolve_device("cpu") == "cpu"
        with pytest.raises(ConfigError, match='this machine has 0 CUDA devices.*device = "cpu"'):
            resolve_device("cuda")

    def test_with_gpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        assert resolve_device("auto") == "cuda"
        assert resolve_device("cuda:1") == "cuda:1"
        with pytest.raises(ConfigError, match="has 2 CUDA devices"):
            resolve_device("cuda:2")
