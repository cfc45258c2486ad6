"""The translation of validation errors, on a model of its own with every shape a setting can have."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cogitate.config import load_config
from cogitate.config_errors import (
    field_at,
    known_keys,
    nested_models,
    sentences,
    setting_names,
)
from cogitate.errors import ConfigError

DEMO = Path(__file__).parents[2] / "configs" / "demo.toml"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Circle(Strict):
    kind: Literal["circle"] = "circle"
    radius: float = Field(gt=0)
    """How far the edge is.

    In metres."""


class Square(Strict):
    kind: Literal["square"] = "square"
    side: int = Field(multiple_of=2)

    @field_validator("side")
    @classmethod
    def _not_thirteen(cls, value: int) -> int:
        if value == 26:
            raise ValueError("26 is twice thirteen")
        return value


Shape = Annotated[Circle | Square, Field(discriminator="kind")]


class Paint(Strict):
    colour: Literal["red", "green"] = "red"
    coats: int = Field(default=1, ge=1, lt=9)
    label: str = Field(default="a", min_length=1)


class Picture(Strict):
    shapes: tuple[Shape, ...] = ()
    paint: Paint = Paint()
    spare: Paint | None = None
    sizes: dict[str, int] = {}
    window: tuple[int, int] = (1, 2)


def faults(data: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        Picture.model_validate(data)
    return sentences(caught.value, data, Picture)


def fault(data: dict[str, Any]) -> tuple[tuple[Any, ...], str]:
    [only] = faults(data)
    return only


class TestSentences:
    def test_a_bound_with_the_first_paragraph_of_the_docstring(self) -> None:
        data = {"shapes": [{"kind": "circle", "radius": 0}]}
        assert fault(data) == (
            ("shapes", 0, "radius"),
            "shapes.0.radius = 0: must be greater than 0.0. How far the edge is.",
        )

    def test_a_multiple(self) -> None:
        assert "must be a multiple of 2" in fault({"shapes": [{"kind": "square", "side": 3}]})[1]

    def test_a_validators_own_sentence_gets_its_place_and_a_full_stop(self) -> None:
        key, sentence = fault({"shapes": [{"kind": "square", "side": 26}]})
        assert key == ("shapes", 0, "side")
        assert sentence == "shapes.0.side: 26 is twice thirteen."

    def test_inside_an_optional_section(self) -> None:
        key, sentence = fault({"spare": {"coats": 9}})
        assert key == ("spare", "coats")
        assert sentence == "spare.coats = 9: must be less than 9."

    def test_an_unknown_key_inside_a_kind(self) -> None:
        key, sentence = fault({"shapes": [{"kind": "circle", "radius": 1, "side": 2}]})
        assert key == ("shapes", 0, "side")
        assert sentence.startswith("unknown key [shapes.0] side. ")
        assert "Known here: kind, radius." in sentence

    def test_a_missing_setting_of_a_kind(self) -> None:
        key, sentence = fault({"shapes": [{"kind": "circle"}]})
        assert key == ("shapes", 0, "radius")
        assert sentence == '[shapes.0] needs "radius" (How far the edge is). Add radius = ...'

    def test_a_table_of_numbers(self) -> None:
        key, sentence = fault({"sizes": {"a": "large"}})
        assert key == ("sizes", "a")
        assert sentence == 'sizes.a = "large": expected a whole number.'

    def test_values_that_are_not_sections(self) -> None:
        assert "expected a section" in fault({"paint": 3})[1]
        assert "expected a table" in fault({"sizes": 3})[1]
        assert "expected a list" in fault({"shapes": 3})[1]

    def test_lists_of_a_fixed_length(self) -> None:
        assert fault({"window": [1]})[1] == "window needs more than 1 entries."
        assert "takes at most 2 entries" in fault({"window": [1, 2, 3]})[1]

    def test_text(self) -> None:
        assert "needs at least 1 characters" in fault({"paint": {"label": ""}})[1]
        assert "expected text in quotes" in fault({"paint": {"label": 3}})[1]

    def test_a_long_value_is_cut(self) -> None:
        sentence = fault({"paint": {"coats": "x" * 500}})[1]
        assert len(sentence) < 140
        assert "..." in sentence

    def test_several_faults_keep_their_places(self) -> None:
        data = {"paint": {"colour": "blue", "coats": 0}, "shape": []}
        assert [key for key, _ in faults(data)] == [
            ("paint", "colour"), ("paint", "coats"), ("shape",),
        ]  # fmt: skip

    def test_a_choice(self) -> None:
        sentence = fault({"paint": {"colour": "gren"}})[1]
        assert sentence == (
            'paint.colour = "gren" is unknown. Known: red, green. Did you mean "green"?'
        )


class TestWalking:
    DATA: dict[str, Any] = {"shapes": [{"kind": "square"}, {"kind": "blob"}, 3]}

    def test_known_keys_depend_on_the_kind_where_it_is_known(self) -> None:
        assert known_keys(Picture, ("shapes", 0), self.DATA) == ["kind", "side"]
        assert known_keys(Picture, ("shapes", 1), self.DATA) == ["kind", "radius", "side"]
        assert known_keys(Picture, ("shapes", 2), self.DATA) == ["kind", "radius", "side"]
        assert known_keys(Picture, (), self.DATA) == list(Picture.model_fields)
        assert known_keys(Picture, ("nothing", "here"), self.DATA) == []

    def test_the_declaration_of_a_setting(self) -> None:
        field = field_at(Picture, ("paint", "coats"), {})
        assert field is not None
        assert field.default == 1
        assert field_at(Picture, (), {}) is None
        assert field_at(Picture, ("window", 0), {}) is None
        assert field_at(Picture, ("paint", "wings"), {}) is None

    def test_every_name_once_with_its_sections(self) -> None:
        names = setting_names(Picture)
        assert names[:5] == [
            "shapes", "shapes.kind", "shapes.radius", "shapes.side", "paint",
        ]  # fmt: skip
        assert len(names) == len(set(names))
        assert "spare.coats" in names

    def test_models_inside_annotations(self) -> None:
        assert list(nested_models(Shape)) == [Circle, Square]
        assert list(nested_models(Paint | None)) == [Paint]
        assert list(nested_models(tuple[Shape, ...])) == [Circle, Square]
        assert list(nested_models(dict[str, int])) == []
        assert list(nested_models(int)) == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("grpo.steps=true", "grpo.steps = True: expected a number"),
        ('grpo.group_size="4"', 'grpo.group_size = "4": expected a number'),
        ("eval.greedy=1", "eval.greedy = 1: expected true or false"),
        ('eval.greedy="yes"', 'eval.greedy = "yes": expected true or false'),
        ('tasks.0.weight="2"', 'tasks.0.weight = "2": expected a number'),
    ],
)
def test_a_value_of_another_type_is_not_converted(override: str, words: str):
    with pytest.raises(ConfigError) as caught:
        load_config(DEMO, [override])
    assert words in str(caught.value)


def test_a_whole_number_is_a_number():
    assert load_config(DEMO, ["reward.accuracy=1", "tasks.0.digits=3"]).reward.accuracy == 1.0
