"""Settings: published defaults, refusals that explain themselves, and what they build."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from pydantic import BaseModel, TypeAdapter, ValidationError

from cogitate.errors import ConfigError
from cogitate.protocols import LossFn
from cogitate.train import config as module
from cogitate.train.config import (
    AdvantageConfig,
    CustomLossConfig,
    DAPOLossConfig,
    GRPOConfig,
    GRPOLossConfig,
    GSPOLossConfig,
    LossConfig,
    OptimizerConfig,
    R1LossConfig,
    SFTConfig,
)
from cogitate.train.losses import CISPOLoss, GRPOLoss
from rollout_batches import make_batch

SECTIONS = [
    value
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel
]


def loss_of(**settings: Any) -> Any:
    return TypeAdapter(LossConfig).validate_python(settings)


class TestSections:
    @pytest.mark.parametrize("section", SECTIONS)
    def test_every_field_is_documented(self, section: type[BaseModel]) -> None:
        undocumented = [n for n, f in section.model_fields.items() if not f.description]
        assert undocumented == []

    @pytest.mark.parametrize("section", [GRPOConfig, SFTConfig, OptimizerConfig, AdvantageConfig])
    def test_unknown_keys_are_refused(self, section: type[BaseModel]) -> None:
        with pytest.raises(ValidationError, match="num_generations"):
            section.model_validate({"num_generations": 4})

    def test_frozen(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            GRPOConfig().steps = 3  # pyright: ignore[reportAttributeAccessIssue]

    def test_round_trip_through_plain_data(self) -> None:
        config = GRPOConfig(loss=DAPOLossConfig(clip_high=0.3), advantage=AdvantageConfig(ddof=1))
        assert GRPOConfig.model_validate(config.model_dump()) == config

    def test_reading_settings_does_not_import_torch(self) -> None:
        code = (
            "import sys; from cogitate.train.config import GRPOConfig;"
            "GRPOConfig.model_validate({'loss': {'kind': 'gspo'}}); print('torch' in sys.modules)"
        )
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert out.stdout.strip() == "False", out.stderr


class TestPublishedSettings:
    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({"kind": "grpo"}, GRPOLoss(clip_low=0.2, clip_high=0.2, reduction="sequence")),
            ({"kind": "r1"}, GRPOLoss(clip_low=10.0, clip_high=10.0, kl_coef=0.001)),
            ({"kind": "dapo"}, GRPOLoss(clip_low=0.2, clip_high=0.28, reduction="token")),
            (
                {"kind": "dr_grpo", "max_tokens": 300},
                GRPOLoss(clip_low=0.2, clip_high=0.2, reduction="constant", max_tokens=300),
            ),
            (
                {"kind": "gspo"},
                GRPOLoss(clip_low=3e-4, clip_high=4e-4, ratio_level="sequence_mean"),
            ),
            ({"kind": "cispo"}, CISPOLoss(cispo_cap=5.0, reduction="token")),
        ],
    )
    def test_preset(self, settings: dict[str, Any], expected: Any) -> None:
        assert loss_of(**settings).build() == expected

    def test_a_preset_can_be_changed(self) -> None:
        loss = loss_of(kind="r1", ratio_level="sequence", kl_estimator="k3_unbiased").build()
        assert loss == GRPOLoss(
            clip_low=10.0,
            clip_high=10.0,
            kl_coef=0.001,
            ratio_level="sequence",
            kl_estimator="k3_unbiased",
        )

    def test_settings_reach_the_loss(self) -> None:
        loss = loss_of(
            kind="grpo",
            dual_clip=3.0,
            correction="mis",
            correction_low=0.5,
            correction_high=1.5,
            off_policy_threshold=0.5,
        ).build()
        assert (loss.dual_clip, loss.correction, loss.off_policy_threshold) == (3.0, "mis", 0.5)
        assert (loss.correction_low, loss.correction_high) == (0.5, 1.5)


class TestConfigsAreTheValues:
    def test_a_loss_section_satisfies_the_protocol(self) -> None:
        batch = make_batch(old=[[-1.0], [-1.0]], advantages=[1.0, -1.0])
        for loss in (GRPOLossConfig(), R1LossConfig(kl_coef=0.0), GSPOLossConfig()):
            assert isinstance(loss, LossFn)
            denominator = loss.denominator(batch)
            assert denominator == 2.0
            out = loss(batch.old_logprobs, torch.zeros(2, 1), batch, denominator=denominator)
            assert out.loss.item() == 0.0

    def test_idle_rows(self) -> None:
        assert GRPOLossConfig().zero_advantage_is_idle
        assert not R1LossConfig().zero_advantage_is_idle

    def test_an_advantage_section_is_a_function_of_a_group(self) -> None:
        rewards = torch.tensor([0.0, 2.0], dtype=torch.float64)
        assert AdvantageConfig(eps=0.0)(rewards).tolist() == [-1.0, 1.0]
        assert AdvantageConfig(eps=0.0, scale="batch_std")(rewards).tolist() == [-1.0, 1.0]
        assert AdvantageConfig(scale="none")(rewards).tolist() == [-1.0, 1.0]

    def test_for_groups_scales_them_together(self) -> None:
        groups = [torch.tensor([0.0, 2.0]), torch.tensor([4.0, 6.0])]
        first = AdvantageConfig(scale="batch_std", eps=0.0).for_groups(groups)[0]
        assert first.tolist() == pytest.approx([-(5**-0.5), 5**-0.5])


class TestCustomLoss:
    def test_any_importable_class(self) -> None:
        loss = loss_of(
            kind="custom",
            source="cogitate.train.losses:CISPOLoss",
            arguments={"cispo_cap": 2.0},
        )
        assert loss.build() == CISPOLoss(cispo_cap=2.0)
        assert loss.zero_advantage_is_idle
        batch = make_batch(old=[[-1.0]], advantages=[1.0])
        assert loss.denominator(batch) == 1.0
        out = loss(batch.old_logprobs, torch.zeros(1, 1), batch, denominator=1.0)
        assert out.loss.item() == pytest.approx(1.0)

    @pytest.mark.parametrize(
        ("source", "arguments"),
        [
            ("cogitate.nowhere:Loss", {}),
            ("cogitate.train.losses:Nothing", {}),
            ("cogitate.train.losses:CISPOLoss", {"cap": 1.0}),
        ],
    )
    def test_what_cannot_be_built_says_so(self, source: str, arguments: dict[str, Any]) -> None:
        loss = CustomLossConfig(source=source, arguments=arguments)
        with pytest.raises(ConfigError, match=r"package\.module:ClassName"):
            loss.build()

    def test_source_must_name_a_class(self) -> None:
        with pytest.raises(ValidationError, match="source"):
            CustomLossConfig(source="cogitate.train.losses")


class TestRefusals:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"group_size": 1}, "group_size"),
            ({"steps": 0}, "steps"),
            ({"updates_per_step": 65}, "only 64 completions"),
            ({"loss": {"kind": "dapoo"}}, "dapoo"),
            ({"loss": {"kind": "dr_grpo"}}, "Set it to sampling.max_tokens"),
            ({"loss": {"kind": "grpo", "clip_low": -0.1}}, "clip_low"),
            ({"loss": {"kind": "grpo", "kl_coef": float("nan")}}, "kl_coef"),
            ({"loss": {"kind": "cispo", "clip_high": 0.2}}, "clip_high"),
            ({"loss": {"kind": "grpo", "dual_clip": 1.0}}, "dual_clip"),
            ({"loss": {"kind": "grpo", "correction": "tis"}}, 'old_logprobs = "recompute"'),
            (
                {"loss": {"kind": "grpo", "correction_low": 2.0}},
                "Set correction_low < correction_high",
            ),
            ({"reference_refresh_steps": 400}, "nothing to refresh"),
            ({"advantage": {"ddof": 2}}, "ddof"),
        ],
    )
    def test_message(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            GRPOConfig.model_validate(settings)

    def test_the_same_settings_completed_are_accepted(self) -> None:
        config = GRPOConfig.model_validate(
            {
                "old_logprobs": "recompute",
                "reference_refresh_steps": 400,
                "loss": {"kind": "r1", "correction": "tis"},
            }
        )
        assert config.loss.kind == "r1"


class TestLearningRate:
    def at(self, schedule: Any, update: int) -> float:
        config = OptimizerConfig(learning_rate=1.0, warmup_steps=4, schedule=schedule)
        return config.learning_rate_at(update, 14)

    @pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
    def test_warm_up_is_linear(self, schedule: str) -> None:
        assert [self.at(schedule, u) for u in (1, 2, 4)] == [0.25, 0.5, 1.0]

    @pytest.mark.parametrize(
        ("schedule", "middle", "last"),
        [("constant", 1.0, 1.0), ("cosine", 0.55, 0.1), ("linear", 0.55, 0.1)],
    )
    def test_afterwards(self, schedule: str, middle: float, last: float) -> None:
        assert self.at(schedule, 9) == pytest.approx(middle)
        assert self.at(schedule, 14) == pytest.approx(last)
        assert self.at(schedule, 99) == pytest.approx(last)

    def test_cosine_is_above_the_line_in_its_first_half(self) -> None:
        assert self.at("cosine", 6) > self.at("linear", 6)

    def test_no_warm_up(self) -> None:
        config = OptimizerConfig(learning_rate=0.5, warmup_steps=0)
        assert config.learning_rate_at(1, 10) == 0.5

    def test_warm_up_longer_than_the_run(self) -> None:
        config = OptimizerConfig(learning_rate=1.0, warmup_steps=10, schedule="cosine")
        assert config.learning_rate_at(5, 5) == 0.5
        assert config.learning_rate_at(11, 5) == pytest.approx(0.1)
