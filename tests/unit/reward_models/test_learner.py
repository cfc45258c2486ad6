from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cogitate.errors import CheckpointError
from cogitate.metrics import reduce
from cogitate.policies.config import OptimizerConfig
from cogitate.reward_models.learner import Item, RewardLearner, item_batches
from cogitate.reward_models.model import RewardModel
from cogitate.reward_models.reward import row_batch
from tiny_models import TINY, random_model


def model(seed: int = 0) -> RewardModel:
    built = RewardModel(TINY)
    built.load_state_dict({
        **random_model(TINY, seed).state_dict(),
        "score.weight": torch.randn(1, TINY.hidden_size, generator=torch.manual_seed(seed)),
    })  # fmt: skip
    return built


def learner(*, freeze: bool = False, tokens: int = 4096, seed: int = 0, **changes) -> RewardLearner:
    options = OptimizerConfig(learning_rate=1e-2, warmup_steps=0, **changes)
    return RewardLearner(
        model(seed), options, total_updates=10, pad_id=0, freeze=freeze, micro_batch_tokens=tokens
    )


def pairs(count: int) -> list[Item]:
    generator = torch.Generator().manual_seed(3)

    def tokens(low: int) -> tuple[int, ...]:
        size = int(torch.randint(low, 7, (), generator=generator))
        return tuple(torch.randint(1, 48, (size,), generator=generator).tolist())

    return [
        Item(name=f"{i}", prompt=tokens(1), completions=(tokens(1), tokens(1)), offset=0.1 * i)
        for i in range(count)
    ]


def labels(count: int) -> list[Item]:
    return [
        Item(name=i.name, prompt=i.prompt, completions=i.completions[:1], safe=n % 3 == 0)
        for n, i in enumerate(pairs(count))
    ]


def gradients(made: RewardLearner, items: list[Item]) -> dict[str, torch.Tensor]:
    made.accumulate(items, denominator=float(len(items)))
    return {n: p.grad.clone() for n, p in made.parameters.items() if p.grad is not None}


class TestBatches:
    def test_items_are_whole_and_in_order(self) -> None:
        items = pairs(9)
        cut = list(item_batches(items, 20))
        assert [item for batch in cut for item in batch] == items
        assert len(cut) > 1
        assert all(len(b) == 1 or sum(i.tokens for i in b) <= 20 for b in cut)

    def test_a_large_item_stands_alone(self) -> None:
        assert [len(batch) for batch in item_batches(pairs(3), 1)] == [1, 1, 1]
        assert list(item_batches([], 10)) == []


@pytest.mark.parametrize("make", [pairs, labels])
class TestGradient:
    @settings(max_examples=8)
    @given(tokens=st.integers(1, 200), split=st.integers(0, 6))
    def test_micro_batches_do_not_change_it(self, make, tokens: int, split: int) -> None:
        items = make(6)
        whole = gradients(learner(), items)
        pieces = learner(tokens=tokens)
        for part in (items[:split], items[split:]):
            pieces.accumulate(part, denominator=6.0)
        for name, parameter in pieces.parameters.items():
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad, whole[name], rtol=1e-4, atol=1e-6)

    def test_it_is_that_of_the_formula(self, make) -> None:
        items = make(4)
        found = gradients(learner(), items)
        plain = model()
        total = torch.zeros(())
        for item in items:
            r = [plain.scores(row_batch([(item.prompt, c)], pad_id=0))[0] for c in item.completions]
            if item.safe is None:
                total = total - torch.nn.functional.logsigmoid(r[0] - r[1] + item.offset)
            else:
                total = total - torch.nn.functional.logsigmoid(r[0] if item.safe else -r[0])
        (total / 4).backward()
        for name, parameter in plain.named_parameters():
            assert parameter.grad is not None
            torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)


class TestLearning:
    @pytest.mark.parametrize("freeze", [False, True])
    @pytest.mark.parametrize("make", [pairs, labels])
    def test_the_loss_falls(self, make, freeze: bool) -> None:
        made, items, losses = learner(freeze=freeze), make(6), []
        for _ in range(10):
            losses.append(reduce(made.accumulate(items, denominator=6.0))["loss"])
            made.optim_step()
        assert losses[-1] < losses[0]

    def test_metrics(self) -> None:
        made, items = learner(), pairs(5)
        found = reduce(made.accumulate(items, denominator=5.0))
        scores = made.score(items)
        assert found["accuracy"] == sum(c > r for c, r in scores) / 5
        assert found["score"] == pytest.approx(sum(map(sum, scores)) / 10, abs=1e-5)

    def test_a_frozen_backbone_stays(self) -> None:
        made, items = learner(freeze=True), pairs(4)
        before = {n: p.clone() for n, p in made.model.named_parameters()}
        for _ in range(2):
            made.accumulate(items, denominator=4.0)
            made.optim_step()
        changed = {n for n, p in made.model.named_parameters() if not torch.equal(p, before[n])}
        assert changed == {"score.weight"}
        assert set(made.parameters) == {"score.weight"}

    def test_frozen_scores_are_those_of_the_whole_model(self) -> None:
        items = pairs(5)
        frozen, free = learner(freeze=True).score(items), learner().score(items)
        for left, right in zip(frozen, free, strict=True):
            assert left == pytest.approx(right, abs=1e-5)

    def test_features_are_computed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made, items = learner(freeze=True), pairs(3)
        first = made.score(items)
        monkeypatch.setattr(made.model, "hidden", None)
        assert made.score(items) == first


class TestCheckpoint:
    @pytest.mark.parametrize("freeze", [False, True])
    def test_bit_exact(self, tmp_path: Path, freeze: bool) -> None:
        items = pairs(4)
        one = learner(freeze=freeze)
        one.accumulate(items, denominator=4.0)
        one.optim_step()
        one.save(tmp_path)
        other = learner(freeze=freeze)
        other.load(tmp_path)
        assert other.version == 1
        for made in (one, other):
            made.accumulate(items, denominator=4.0)
            made.optim_step()
        assert all(
            torch.equal(p, dict(other.model.named_parameters())[n])
            for n, p in one.model.named_parameters()
        )

    def test_a_frozen_checkpoint_is_the_head(self, tmp_path: Path) -> None:
        learner(freeze=True).save(tmp_path)
        assert (tmp_path / "model.safetensors").stat().st_size < 500
        with pytest.raises(CheckpointError, match="not those of this model"):
            learner().load(tmp_path)
