import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.errors import DataError
from cogitate.reward_models.preferences import (
    Labelled,
    Preference,
    canonical_prompt,
    held_out,
    messages_of,
    read_labelled,
    read_preferences,
    safety_label,
    to_labelled,
    to_preference,
)
from cogitate.schema import Message
from cogitate.tasks.columns import RowError

USER = {"role": "user", "content": "hi?"}
ASKED = (Message(role="user", content="hi?"),)


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class TestPairs:
    @pytest.mark.parametrize(
        "row",
        [
            {"prompt": "hi?", "chosen": "yes", "rejected": "no"},
            {"prompt": [USER], "chosen": [assistant("yes")], "rejected": [assistant("no")]},
            {"prompt": [USER], "chosen": "yes", "rejected": [assistant("no")]},
            {"chosen": [USER, assistant("yes")], "rejected": [USER, assistant("no")]},
            {
                "chosen": "\n\nHuman: hi?\n\nAssistant: yes",
                "rejected": "\n\nHuman: hi?\n\nAssistant: no",
            },
            {"prompt": "\n\nHuman: hi?\n\nAssistant:", "chosen": "yes", "rejected": "no"},
        ],
    )
    def test_styles(self, row: dict[str, Any]) -> None:
        expected = Preference(number=3, messages=ASKED, chosen="yes", rejected="no")
        assert to_preference(row, 3) == expected

    def test_several_turns(self) -> None:
        before = [USER, assistant("hello"), {"role": "user", "content": "and?"}]
        row = {"chosen": [*before, assistant("a")], "rejected": [*before, assistant("b")]}
        pair = to_preference(row, 1)
        assert [m.role for m in pair.messages] == ["user", "assistant", "user"]
        assert (pair.chosen, pair.rejected) == ("a", "b")

    def test_texts_with_a_common_beginning(self) -> None:
        pair = to_preference({"chosen": "the sky is blue", "rejected": "the sky is black"}, 1)
        assert pair.messages[0].content == "the sky is"
        assert (pair.chosen, pair.rejected) == (" blue", " black")

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"prompt": "a", "chosen": "b"}, "no chosen and rejected"),
            ({"prompt": "a", "chosen": "b", "rejected": "b"}, "equal"),
            ({"prompt": " ", "chosen": "b", "rejected": "c"}, "the prompt is empty"),
            ({"prompt": "a", "chosen": "\u200b", "rejected": "c"}, "a completion is empty"),
            ({"prompt": "a", "chosen": 1, "rejected": "c"}, "expected text or a list"),
            ({"prompt": "a", "chosen": [USER], "rejected": "c"}, "not one assistant message"),
            ({"prompt": [{"role": "x"}], "chosen": "b", "rejected": "c"}, "role 'x'"),
            ({"prompt": "\ud800", "chosen": "b", "rejected": "c"}, "lone surrogate"),
            ({"chosen": "same", "rejected": "other"}, "no common beginning"),
            (
                {"chosen": [USER, assistant("a")], "rejected": [assistant("b")]},
                "differ before their last turn",
            ),
            ({"chosen": [assistant("a"), USER], "rejected": [assistant("a"), USER]}, "not by the"),
        ],
    )
    def test_faults(self, row: dict[str, Any], reason: str) -> None:
        with pytest.raises(RowError, match=reason):
            to_preference(row, 1)

    @given(
        st.dictionaries(
            st.sampled_from(["prompt", "chosen", "rejected", "completion", "label"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=5,
            ),
        )
    )
    def test_any_row_is_a_pair_or_a_row_error(self, row: dict[str, Any]) -> None:
        for convert in (to_preference, to_labelled):
            try:
                convert(row, 1)
            except RowError as error:
                assert str(error)


class TestLabels:
    @pytest.mark.parametrize(
        ("value", "safe"),
        [
            (True, True), (False, False), (1, True), (0, False), (1.0, True), ("safe", True),
            ("Unsafe ", False), ("1", True), ("harmful", False), ("no", False),
        ],
    )  # fmt: skip
    def test_words(self, value: Any, safe: bool) -> None:
        assert safety_label(value) is safe

    @pytest.mark.parametrize("value", ["maybe", 2, 0.5, None, []])
    def test_others_are_refused(self, value: Any) -> None:
        with pytest.raises(RowError, match="expected true or false"):
            safety_label(value)

    def test_columns(self) -> None:
        expected = Labelled(number=1, messages=ASKED, completion="x", safe=False)
        for row in (
            {"prompt": "hi?", "completion": "x", "label": "unsafe"},
            {"prompt": [USER], "response": "x", "is_safe": False},
            {"prompt": "hi?", "completion": [assistant("x")], "safe": 0},
        ):
            assert to_labelled(row, 1) == expected


class TestFiles:
    def test_bad_rows_cost_themselves(self, tmp_path: Path) -> None:
        good = {"prompt": "hi?", "chosen": "yes", "rejected": "no"}
        found = read_preferences(write(tmp_path / "a.jsonl", [good, {"x": 1}, good]))
        assert len(found.rows) == 1
        assert [fault.number for fault in found.faults] == [2]
        assert found.repeated == 1

    def test_nothing_usable(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", [{"prompt": "a", "completion": "b", "label": "maybe"}])
        with pytest.raises(DataError, match=r"none of 1 rows.*row 1: label 'maybe'"):
            read_labelled(path)

    def test_the_split_depends_on_the_prompt_alone(self) -> None:
        def row(text: str, chosen: str) -> Preference:
            return Preference(number=1, messages=messages_of(text), chosen=chosen, rejected="z")

        for number in range(30):
            sides = {held_out(row(f"q {number}", chosen)) for chosen in ("a", "b", "c")}
            assert len(sides) == 1
        share = sum(held_out(row(f"q {n}", "a")) for n in range(2000)) / 2000
        assert 0.12 < share < 0.18

    def test_blanks_do_not_move_a_prompt(self) -> None:
        assert canonical_prompt(messages_of("a  b\n")) == canonical_prompt(messages_of("a b"))
