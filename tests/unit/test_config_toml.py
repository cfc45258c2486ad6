import math
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.config_toml import (
    apply_override,
    dotted,
    key_lines,
    parse_override,
    read_toml,
    write_toml,
)
from cogitate.errors import ConfigError

FILE = """\
name = "x"   # comment

[grpo]
group_size = 8
loss.kind = "dapo"

[[tasks]]
kind = "arithmetic"
[tasks.settings]
a = 1

[[tasks]]
kind = "extremes"
"quoted key" = 2
"""


class TestReading:
    def test_text_and_table(self, tmp_path: Path) -> None:
        path = tmp_path / "a.toml"
        path.write_text("seed = 3\n")
        assert read_toml(path) == ({"seed": 3}, "seed = 3\n")

    def test_a_missing_file_suggests_its_neighbour(self, tmp_path: Path) -> None:
        (tmp_path / "demo.toml").write_text("")
        with pytest.raises(
            ConfigError, match=r"no such configuration file.*Did you mean.*demo\.to"
        ):
            read_toml(tmp_path / "demoo.toml")

    def test_broken_toml_names_file_and_line(self, tmp_path: Path) -> None:
        path = tmp_path / "a.toml"
        path.write_text("seed = 1\nname = unquoted\n")
        with pytest.raises(ConfigError, match=r"a\.toml: not valid TOML: .*line 2"):
            read_toml(path)

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name = '\xe9'"])
    def test_bytes_that_are_no_text(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.toml"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="cannot be read as a text file"):
            read_toml(path)

    def test_a_directory(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            read_toml(tmp_path)


def test_every_key_has_its_line() -> None:
    assert key_lines(FILE) == {
        ("name",): 1,
        ("grpo",): 3,
        ("grpo", "group_size"): 4,
        ("grpo", "loss", "kind"): 5,
        ("tasks", 0): 7,
        ("tasks", 0, "kind"): 8,
        ("tasks", 0, "settings"): 9,
        ("tasks", 0, "settings", "a"): 10,
        ("tasks", 1): 12,
        ("tasks", 1, "kind"): 13,
    }


class TestOverrides:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("a=3", 3),
            ("a=-1.5e-3", -0.0015),
            ("a=true", True),
            ("a=word", "word"),
            ('a="quoted"', "quoted"),
            ("a=1 2", "1 2"),
            ("a=[1, 2]", [1, 2]),
            ('a={kind="dapo"}', {"kind": "dapo"}),
            ("a=x=y", "x=y"),
            ("a=", ""),
            ("a=~/data/f.jsonl", "~/data/f.jsonl"),
            ("a=1\nb = 2", "1\nb = 2"),
            ("a=inf", math.inf),
        ],
    )
    def test_values_are_toml_or_text(self, text: str, value: Any) -> None:
        assert parse_override(text) == (("a",), value)

    def test_numbers_in_a_path_are_indices(self) -> None:
        assert parse_override(" tasks.0.digits = 3")[0] == ("tasks", 0, "digits")
        assert dotted(("tasks", 0, "digits")) == "tasks.0.digits"

    @pytest.mark.parametrize("text", ["grpo.group_size", "=3", "a..b=1", ""])
    def test_what_is_no_override(self, text: str) -> None:
        with pytest.raises(ConfigError, match="expected key=value"):
            parse_override(text)

    def test_sections_are_made_as_needed(self) -> None:
        table: dict[str, Any] = {"grpo": {"steps": 1}}
        apply_override(table, ("grpo", "loss", "kind"), "dapo")
        apply_override(table, ("seed",), 7)
        assert table == {"grpo": {"steps": 1, "loss": {"kind": "dapo"}}, "seed": 7}

    def test_list_elements_are_changed_in_place(self) -> None:
        table: dict[str, Any] = {"tasks": [{"digits": 1}, {"digits": 2}], "betas": [0.9, 0.95]}
        apply_override(table, ("tasks", 1, "digits"), 3)
        apply_override(table, ("betas", 0), 0.8)
        assert table == {"tasks": [{"digits": 1}, {"digits": 3}], "betas": [0.8, 0.95]}

    @pytest.mark.parametrize(
        ("key", "message"),
        [
            (("tasks", 2, "digits"), r"\[tasks\] has 1 entries, numbered from 0"),
            (("tasks", "arithmetic", "digits"), '"arithmetic" is not one of them'),
            (("seed", "x"), "seed is the value 3, not a section"),
            (("seed", "x", "y"), "seed is the value 3, not a section"),
            (("betas", 5), r"\[betas\] has 1 entries"),
        ],
    )
    def test_paths_that_lead_nowhere(self, key: Any, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            apply_override({"tasks": [{}], "seed": 3, "betas": [0.9]}, key, 1)


class Colour(StrEnum):
    RED = "red"


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


class TestWriting:
    def test_tables_arrays_and_scalars(self) -> None:
        text = write_toml(
            {
                "name": 'say "hi"\n', "on": True, "rate": 1e-05, "colour": Colour.RED,
                "path": Path("a/b"), "nothing": None, "betas": (0.9, 0.95), "empty": [],
                "grpo": {"steps": 3, "loss": {"kind": "grpo", "arguments": {}}},
                "tasks": [{"kind": "a", "span": [1, 2]}, {"kind": "b", "settings": {"x y": 1}}],
            }
        )  # fmt: skip
        assert text == (
            'name = "say \\"hi\\"\\n"\non = true\nrate = 1e-05\ncolour = "red"\npath = "a/b"\n'
            "betas = [0.9, 0.95]\nempty = []\n\n"
            '[grpo]\nsteps = 3\n\n[grpo.loss]\nkind = "grpo"\n\n[grpo.loss.arguments]\n\n'
            '[[tasks]]\nkind = "a"\nspan = [1, 2]\n\n'
            '[[tasks]]\nkind = "b"\n\n[tasks.settings]\n"x y" = 1\n'
        )
        assert tomllib.loads(text)["tasks"][1] == {"kind": "b", "settings": {"x y": 1}}

    def test_infinities(self) -> None:
        back = tomllib.loads(write_toml({"a": math.inf, "b": -math.inf, "c": math.nan}))
        assert (back["a"], back["b"]) == (math.inf, -math.inf)
        assert math.isnan(back["c"])

    def test_mixed_lists_have_inline_tables(self) -> None:
        table = {"a": [1, {"b": 2}, {}]}
        assert tomllib.loads(write_toml(table)) == table

    def test_what_toml_cannot_say(self) -> None:
        with pytest.raises(TypeError, match="object"):
            write_toml({"a": object()})

    @given(
        st.dictionaries(
            KEYS,
            st.recursive(
                SCALARS,
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
                ),
                max_leaves=12,
            ),
            max_size=4,
        )
    )
    def test_what_is_written_is_read_back(self, table: dict[str, Any]) -> None:
        assert tomllib.loads(write_toml(table)) == table
