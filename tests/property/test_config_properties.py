"""Whatever is in a configuration file, the answer is a configuration or a readable message."""

import string
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cogitate.config import RunConfig, config_to_toml, load_config, tasks_config
from cogitate.config_errors import setting_names
from cogitate.config_toml import write_toml
from cogitate.errors import ConfigError

NAMES = sorted({name.rpartition(".")[2] for name in setting_names(RunConfig)})
WORDS = st.sampled_from([*NAMES, "num_generations", "beta", "lr", "wibble", "kind"])
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-3, 5000),
    st.floats(-2.0, 2.0),
    st.sampled_from(["grpo", "dapo", "arithmetic", "qa", "", "std", "x" * 80, "é\u202e"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)
SECTIONS = st.sampled_from(list(RunConfig.model_fields))


def load(table: dict[str, Any], overrides: list[str]) -> RunConfig | str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.toml"
        path.write_text(write_toml(table))
        try:
            return load_config(path, overrides)
        except ConfigError as error:
            return str(error).replace(str(path), "x.toml")


def is_readable(message: str) -> bool:
    banned = ("pydantic", "validation error", "input_value", "input_type", "Traceback", "object at")
    return bool(message) and not any(word in message for word in banned)


@settings(max_examples=50)
@given(st.dictionaries(SECTIONS | WORDS, VALUES, max_size=5))
def test_any_table(table: dict[str, Any]) -> None:
    found = load(table, [])
    assert isinstance(found, RunConfig) or is_readable(found)


@settings(max_examples=50)
@given(st.lists(st.tuples(SECTIONS, WORDS, VALUES), max_size=4))
def test_a_good_file_with_some_settings_changed(changes: list[tuple[str, str, Any]]) -> None:
    table: dict[str, Any] = {"tasks": [{"kind": "arithmetic"}]}
    for section, name, value in changes:
        if section != "tasks":
            place = table.setdefault(section, {})
            if isinstance(place, dict):
                place[name] = value
    found = load(table, [])
    assert isinstance(found, RunConfig) or is_readable(found)


@settings(max_examples=50)
@given(st.text(alphabet=string.ascii_letters + string.digits + '._=[]{}",- \n', max_size=40))
def test_any_override(text: str) -> None:
    found = load({"tasks": [{"kind": "arithmetic"}]}, [text])
    assert isinstance(found, RunConfig) or is_readable(found)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**62),
    kind=st.sampled_from(["grpo", "r1", "dapo", "gspo", "cispo"]),
    digits=st.integers(1, 6),
    rate=st.floats(1e-8, 1e-2),
    name=st.text(string.ascii_letters, min_size=1, max_size=20),
    keep=st.integers(1, 100),
)
def test_what_is_written_is_the_same_run(
    seed: int, kind: str, digits: int, rate: float, name: str, keep: int
) -> None:
    table = tasks_config([{"kind": "arithmetic", "digits": digits}]).model_dump()
    table["grpo"].pop("loss")
    table |= {"seed": seed, "name": name}
    table["grpo"]["loss"] = {"kind": kind}
    table["optimizer"]["learning_rate"] = rate
    table["checkpoint"]["keep"] = keep
    config = RunConfig.model_validate(table)
    assert RunConfig.model_validate(tomllib.loads(config_to_toml(config))) == config
