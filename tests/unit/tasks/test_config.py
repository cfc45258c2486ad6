"""Task settings: spans, names, unknown keys, checks across fields."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from cogitate.tasks.config import (
    ArithmeticConfig,
    ChainSumConfig,
    ComparisonConfig,
    CountdownConfig,
    CustomConfig,
    DatasetConfig,
    ExtremesConfig,
    SelectionConfig,
    TaskConfig,
    WordProblemsConfig,
)

TABLES: TypeAdapter[list[TaskConfig]] = TypeAdapter(list[TaskConfig])
ALL = (
    ArithmeticConfig, ChainSumConfig, ComparisonConfig, CountdownConfig, CustomConfig,
    DatasetConfig, ExtremesConfig, SelectionConfig, WordProblemsConfig,
)  # fmt: skip


def one(**table: Any) -> Any:
    return TABLES.validate_python([table])[0]


def test_the_kind_selects_the_model_and_names_the_task():
    config = one(kind="extremes")
    assert type(config) is ExtremesConfig
    assert (config.name, config.weight, config.seed) == ("extremes", 1.0, 0)
    assert one(kind="extremes", name="mm5").name == "mm5"
    assert ExtremesConfig().name == "extremes"
    assert ExtremesConfig(name="").name == "extremes"


def test_a_number_is_a_span_of_one_value():
    assert one(kind="arithmetic", digits=3).digits == (3, 3)
    assert one(kind="arithmetic", digits=[1, 3]).digits == (1, 3)


@pytest.mark.parametrize("digits", [0, 13, [3, 2], [0, 2], "2", [1, 2, 3], True, 2.5])
def test_a_wrong_span_is_refused(digits: Any):
    with pytest.raises(ValidationError):
        one(kind="arithmetic", digits=digits)


def test_the_message_of_a_wrong_span_says_what_to_write():
    with pytest.raises(ValidationError, match=r"\[3, 2\] is not a span within \[1, 12\]: write"):
        one(kind="arithmetic", digits=[3, 2])


def test_unknown_keys_and_kinds_are_errors():
    with pytest.raises(ValidationError, match="digit"):
        one(kind="arithmetic", digit=2)
    with pytest.raises(ValidationError, match="'arithmetic', 'chain_sum', 'countdown'"):
        one(kind="arithmetics")


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan")])
def test_a_weight_is_positive_and_finite(weight: float):
    with pytest.raises(ValidationError):
        one(kind="arithmetic", weight=weight)


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 65, "ä"])
def test_a_name_is_fit_for_ids_and_file_names(name: str):
    with pytest.raises(ValidationError):
        one(kind="arithmetic", name=name)


def test_lists_have_no_repetitions_and_are_not_empty():
    for operations in ([], ["+", "+"], ["^"]):
        with pytest.raises(ValidationError):
            one(kind="arithmetic", operations=operations)


def test_a_list_needs_enough_different_numbers():
    assert one(kind="extremes", num_values=9, digits=1).num_values == (9, 9)
    with pytest.raises(ValidationError, match="only 9 different numbers have digits"):
        one(kind="extremes", num_values=10, digits=1)
    # 1..99
    assert one(kind="selection", num_values=50, digits=[1, 2]).num_values == (50, 50)


def test_a_position_must_exist_in_the_shortest_list():
    assert one(kind="selection", num_values=[2, 5], positions=["second", "fifth"])
    with pytest.raises(ValidationError, match="none exists in a list of 4 numbers"):
        one(kind="selection", num_values=[4, 9], positions=["fifth"])


def test_a_custom_factory_names_file_and_function():
    assert one(kind="custom", factory="a/b.py:make").settings == {}
    with pytest.raises(ValidationError):
        one(kind="custom", factory="a/b.py")


def test_settings_survive_json_and_are_frozen():
    configs = TABLES.validate_python(
        [
            {"kind": "countdown", "num_values": [3, 4], "use_all": False},
            {"kind": "dataset", "path": "x.jsonl", "answer_kind": "number"},
            {"kind": "chain_sum", "modulus": 10, "weight": 2},
        ]
    )
    assert TABLES.validate_json(TABLES.dump_json(configs)) == configs
    with pytest.raises(ValidationError, match="frozen"):
        configs[0].weight = 3.0  # type: ignore[misc]


@pytest.mark.parametrize("config", ALL, ids=lambda c: c.__name__)
def test_every_setting_is_explained(config: Any):
    for name, field in config.model_fields.items():
        if name != "kind":
            assert field.description, f"{config.__name__}.{name} has no docstring"
