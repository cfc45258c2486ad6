import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from cogitate.errors import DataError
from cogitate.models.config import ModelConfig
from cogitate.models.weights import load_model, save_model
from cogitate.reward_models.model import (
    CARD_FILE,
    RewardCard,
    RewardModel,
    from_language_model,
    load_reward_model,
    reward_slots,
    save_reward_model,
)
from cogitate.reward_models.reward import row_batch
from tiny_models import TINY, TINY_QWEN2, TINY_QWEN3, random_model

CONFIGS = pytest.mark.parametrize(
    "config", [TINY, replace(TINY, tie_embeddings=False), TINY_QWEN2, TINY_QWEN3],
    ids=["llama", "llama-untied", "qwen2", "qwen3"],
)  # fmt: skip
CARD = RewardCard(kind="helpfulness", scores="summary", template="qa", centre=0.25, spread=2.0)
ROWS = [((1, 2, 3), (4, 5)), ((1, 2, 3), (6,)), ((7,), (8, 9, 10, 11)), ((1, 2, 3), (4, 5, 12))]


def language_model(config: ModelConfig, directory: Path) -> Path:
    save_model(random_model(config), directory)
    (directory / "tokenizer.json").write_text("{}")
    return directory


def random_reward_model(config: ModelConfig, directory: Path) -> RewardModel:
    model = from_language_model(language_model(config, directory))
    with torch.no_grad():
        model.score.weight.copy_(torch.randn(1, config.hidden_size, generator=torch.manual_seed(7)))
    return model


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    return random_reward_model(TINY, tmp_path_factory.mktemp("model") / "lm")


@CONFIGS
class TestDirectory:
    def test_bit_exact_round_trip(self, config: ModelConfig, tmp_path: Path) -> None:
        model = random_reward_model(config, tmp_path / "lm")
        save_reward_model(
            model, tmp_path / "rm", card=CARD, source=tmp_path / "lm", pad_id=0, shard_bytes=2000
        )
        loaded = load_reward_model(tmp_path / "rm")
        before, after = dict(model.named_parameters()), dict(loaded.named_parameters())
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
        batch = row_batch(ROWS, pad_id=0)
        assert torch.equal(model.scores(batch), loaded.scores(batch))
        assert RewardCard.read(tmp_path / "rm") == CARD
        assert (tmp_path / "rm" / "tokenizer.json").is_file()

    def test_names_and_config_of_sequence_classification(
        self, config: ModelConfig, tmp_path: Path
    ) -> None:
        model = random_reward_model(config, tmp_path / "lm")
        save_reward_model(model, tmp_path / "rm", card=CARD, source=tmp_path / "lm", pad_id=3)
        tensors = load_file(tmp_path / "rm" / "model.safetensors")
        assert tensors["score.weight"].shape == (1, config.hidden_size)
        assert "lm_head.weight" not in tensors
        assert all(name.startswith(("model.", "score.")) for name in tensors)
        saved = json.loads((tmp_path / "rm" / "config.json").read_text())
        assert saved["architectures"][0].endswith("ForSequenceClassification")
        assert (len(saved["id2label"]), saved["pad_token_id"]) == (1, 3)

    def test_scores_are_those_of_transformers(self, config: ModelConfig, tmp_path: Path) -> None:
        transformers = pytest.importorskip("transformers")
        model = random_reward_model(config, tmp_path / "lm")
        save_reward_model(model, tmp_path / "rm", card=CARD, source=tmp_path / "lm", pad_id=0)
        theirs = transformers.AutoModelForSequenceClassification.from_pretrained(
            tmp_path / "rm", dtype=torch.float32, attn_implementation="eager"
        ).eval()
        batch = row_batch(ROWS, pad_id=0)
        with torch.no_grad():
            expected = theirs(
                input_ids=batch.token_ids, attention_mask=batch.attention_mask.long()
            ).logits[:, 0]
        torch.testing.assert_close(model.scores(batch), expected, rtol=1e-4, atol=1e-4)


class TestScores:
    def test_a_new_head_prefers_nothing(self, tmp_path: Path) -> None:
        model = from_language_model(language_model(TINY, tmp_path / "lm"))
        assert model.scores(row_batch(ROWS, pad_id=0)).tolist() == [0.0] * 4

    def test_it_is_the_head_on_the_last_hidden_state(self, tmp_path: Path) -> None:
        model = random_reward_model(TINY, tmp_path / "lm")
        language = load_model(tmp_path / "lm")
        tokens = torch.tensor([[1, 2, 3, 4, 5]])
        # The hidden state through the tied head: logits = h @ E^T, so h solves a linear system.
        hidden = torch.linalg.lstsq(language.head_weight, language(tokens)[0, -1]).solution
        expected = hidden @ model.score.weight[0]
        found = model.scores(row_batch([((1, 2, 3), (4, 5))], pad_id=0))
        assert found.item() == pytest.approx(expected.item(), abs=1e-4)

    @given(st.permutations(range(4)), st.integers(0, 47))
    def test_padding_and_neighbours_change_nothing(
        self, reward_model: RewardModel, order: list[int], pad_id: int
    ) -> None:
        together = reward_model.scores(row_batch([ROWS[i] for i in order], pad_id=pad_id))
        for place, index in enumerate(order):
            alone = reward_model.scores(row_batch([ROWS[index]], pad_id=0))
            assert together[place].item() == pytest.approx(alone.item(), abs=1e-5)


class TestFaults:
    def test_a_language_model_is_no_reward_model(self, tmp_path: Path) -> None:
        directory = language_model(TINY, tmp_path / "lm")
        with pytest.raises(DataError, match="this is no reward model"):
            RewardCard.read(directory)
        with pytest.raises(DataError, match=r"missing: score\.weight"):
            load_reward_model(directory)

    def test_the_head_must_be_finite(self, tmp_path: Path) -> None:
        model = random_reward_model(TINY, tmp_path / "lm")
        save_reward_model(model, tmp_path / "rm", card=CARD, source=tmp_path / "lm", pad_id=0)
        tensors = load_file(tmp_path / "rm" / "model.safetensors")
        tensors["score.weight"][0, 0] = float("nan")
        save_file(tensors, tmp_path / "rm" / "model.safetensors")
        with pytest.raises(DataError, match=r"score\.weight holds NaN"):
            load_reward_model(tmp_path / "rm")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": 2}, "Upgrade"),
            ({"kind": "beauty"}, "Known: helpfulness or safety"),
            ({"colour": 1}, "expected"),
            ({"scores": "half"}, "summary or whole"),
            ({"centre": "high"}, "centre = 'high', expected a number"),
            ({"spread": None}, "spread = None"),
        ],
    )
    def test_cards(self, tmp_path: Path, change: dict, message: str) -> None:
        (tmp_path / CARD_FILE).write_text(json.dumps({**CARD.to_json(), **change}))
        with pytest.raises(DataError, match=message):
            RewardCard.read(tmp_path)

    def test_other_files_are_not_replaced(self, tmp_path: Path) -> None:
        model = random_reward_model(TINY, tmp_path / "lm")
        (tmp_path / "rm").mkdir()
        (tmp_path / "rm" / "thesis.txt").write_text("x")
        with pytest.raises(DataError, match="thesis"):
            save_reward_model(model, tmp_path / "rm", card=CARD, source=tmp_path / "lm", pad_id=0)


def test_every_parameter_has_a_slot() -> None:
    names = {slot.parameter for slot in reward_slots(TINY_QWEN2).values()}
    assert names == {name for name, _ in RewardModel(TINY_QWEN2).named_parameters()}
