"""Settings of the reward: defaults, refusals, and a sentence for every field."""

import tomllib

import pytest
from pydantic import BaseModel, ValidationError

from cogitate.rewards import config as module
from cogitate.rewards.config import CosineLengthConfig, RewardConfig, TokenCostConfig

MODELS = [
    value
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel
]


def test_defaults_are_accuracy_alone():
    config = RewardConfig()
    assert (config.accuracy, config.format, config.random) == (1.0, 0.0, 0.0)
    assert (config.format_mode, config.truncated) == ("strict", "score")
    assert config.correct_needs_format is False
    assert (config.overlong, config.length, config.repetition, config.custom) == (None,) * 3 + ((),)


def test_a_complete_file():
    config = RewardConfig.model_validate(
        tomllib.loads(
            """
            format = 1.0
            format_mode = "tags"
            truncated = "mask"
            overlong = { max_tokens = 512, cache = 128, weight = 0.5 }
            length = { kind = "cosine", max_tokens = 512, correct_long = 0.2 }
            repetition = { ngram = 3 }
            [[custom]]
            path = "rewards.py:brevity"
            weight = 0.1
            """
        )
    )
    assert config.overlong is not None
    assert config.overlong.weight == 0.5
    assert isinstance(config.length, CosineLengthConfig)
    assert (config.length.correct_short, config.length.correct_long) == (1.0, 0.2)
    assert config.custom[0].signature == "auto"


def test_length_is_chosen_by_kind():
    config = RewardConfig.model_validate({"length": {"kind": "per_token", "cost": 0.001}})
    assert config.length == TokenCostConfig(kind="per_token", cost=0.001)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"acuracy": 1.0}, "acuracy"),
        ({"format_mode": "loose"}, "strict"),
        ({"truncated": "drop"}, "score"),
        ({"overlong": {"max_tokens": 10, "cache": 11}}, "cache = 11 is more than max_tokens = 10"),
        ({"overlong": {"max_tokens": 0, "cache": 0}}, "greater than 0"),
        ({"length": {"kind": "linear"}}, "per_token"),
        ({"length": {"kind": "per_token", "cost": -1.0}}, "greater than 0"),
        ({"repetition": {"ngram": 0}}, "greater than or equal to 1"),
        ({"repetition": {"weight": -1.0}}, "greater than or equal to 0"),
        ({"custom": [{"path": "rewards.py"}]}, "expected file.py:function"),
        ({"custom": [{"path": "rewards:f"}]}, "expected file.py:function"),
        ({"custom": [{"path": "rewards.py:not a name"}]}, "expected file.py:function"),
        ({"accuracy": 0.0}, "every weight is 0"),
    ],
)
def test_refusals(settings: dict[str, object], complaint: str):
    with pytest.raises(ValidationError, match=complaint):
        RewardConfig.model_validate(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"accuracy": 0.0, "random": 1.0},
        {"accuracy": 0.0, "format": 1.0},
        {"accuracy": 0.0, "custom": [{"path": "rewards.py:f"}]},
        {"accuracy": 0.0, "length": {"kind": "relative"}},
    ],
)
def test_accuracy_may_be_switched_off_for_something_else(settings: dict[str, object]):
    assert RewardConfig.model_validate(settings).accuracy == 0.0


def test_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        RewardConfig().accuracy = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_documented(model: type[BaseModel]):
    undocumented = [n for n, f in model.model_fields.items() if not f.description and n != "kind"]
    assert undocumented == []
