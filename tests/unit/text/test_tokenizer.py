"""Text to ids and back, and the line between text and control tokens."""

import json
from pathlib import Path

import pytest

from cogitate.errors import DataError
from cogitate.testing import byte_tokenizer, write_byte_tokenizer
from cogitate.text.tokenizer import Tokenizer
from trained_tokenizers import CHATML, LINES, write_model_tokenizer, write_r1_tokenizer

USER, ASSISTANT = "<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"


@pytest.fixture(scope="module")
def chatml(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    directory = write_model_tokenizer(
        tmp_path_factory.mktemp("chatml"),
        added=("<think>", "</think>", "<tool_call>", "    "),
        chat_template=CHATML,
    )
    return Tokenizer.from_directory(directory)


@pytest.fixture(scope="module")
def r1(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return Tokenizer.from_directory(write_r1_tokenizer(tmp_path_factory.mktemp("r1")))


class TestPlainText:
    def test_bytes(self):
        tokenizer = byte_tokenizer()
        assert tokenizer.encode("Aé\n") == [65, 0xC3, 0xA9, 10]
        assert tokenizer.decode([65, 0xC3, 0xA9, 10]) == "Aé\n"

    @pytest.mark.parametrize(
        "text", [*LINES[:4], "", " ", "\n\n", "日本語 🙂", "a\0b", "    x    "]
    )
    def test_round_trip(self, chatml: Tokenizer, text: str):
        assert chatml.decode(chatml.encode(text)) == text

    def test_training_merged_something(self, chatml: Tokenizer):
        assert len(chatml.encode("What is")) < len("What is")

    @pytest.mark.parametrize(
        "marker", ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<think>", "</think>"]
    )
    def test_a_marker_in_text_is_characters(self, chatml: Tokenizer, marker: str):
        text = f"why does {marker} end it?"
        ids = chatml.encode(text)
        assert chatml.token_id(marker) not in ids
        assert chatml.decode(ids) == text

    def test_blank_runs_are_tokens_in_text_too(self, chatml: Tokenizer):
        assert chatml.token_id("    ") in chatml.encode("a    b")

    def test_no_token_is_added_in_front(self, r1: Tokenizer):
        assert r1.decode(r1.encode("42")) == "42"
        assert r1.decode(r1.encode_with_special("42")) == "42"

    def test_a_marker_that_is_an_ordinary_vocabulary_entry_is_broken_up(self, tmp_path: Path):
        directory = write_byte_tokenizer(tmp_path)
        path = directory / "tokenizer.json"
        document = json.loads(path.read_text())
        # A merge rule that spells a control token, as vocabularies trained on chat logs have.
        model = document["model"]
        model["vocab"] |= {"<s": 259, "<s>": 260}
        model["merges"] = [["<", "s"], ["<s", ">"]]
        flags = {**document["added_tokens"][0], "id": 260, "content": "<s>"}
        document["added_tokens"].append(flags)
        path.write_text(json.dumps(document))
        tokenizer = Tokenizer.from_directory(directory)
        assert tokenizer.encode_with_special("a<s>b") == [97, 260, 98]
        ids = tokenizer.encode("a<s>b<s>")
        assert 260 not in ids
        assert tokenizer.decode(ids) == "a<s>b<s>"


class TestKindsOfAddedTokens:
    def test_scaffolding_recognises_everything(self, chatml: Tokenizer):
        ids = chatml.encode_with_special("<|im_start|>user\n<think>")
        assert ids[0] == chatml.token_id("<|im_start|>")
        assert ids[-1] == chatml.token_id("<think>")

    def test_a_completion_recognises_tags_but_no_control_token(self, chatml: Tokenizer):
        text = "<think>a<|im_end|></think>"
        ids = chatml.encode_completion(text)
        assert ids[0] == chatml.token_id("<think>")
        assert ids[-1] == chatml.token_id("</think>")
        assert chatml.token_id("<|im_end|>") not in ids
        assert chatml.decode(ids) == text

    def test_lists(self, chatml: Tokenizer):
        assert chatml.control_strings == ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
        assert set(chatml.marker_strings) == {
            *chatml.control_strings,
            "<think>",
            "</think>",
            "<tool_call>",
        }

    def test_a_turn_marker_is_control_even_if_not_flagged_special(self, r1: Tokenizer):
        assert {USER, ASSISTANT} <= set(r1.control_strings)
        assert "<think>" not in r1.control_strings
        marker = r1.token_id(USER)
        assert marker in r1.encode_with_special(f"{USER}hello")
        assert marker not in r1.encode(f"{USER}hello")
        assert marker not in r1.encode_completion(f"{USER}hello")

    def test_kept_tokens_keep_their_ids(self, r1: Tokenizer):
        assert r1.encode_completion("</think>") == r1.encode_with_special("</think>")


class TestSegments:
    def test_without_markers_it_is_one_text(self, chatml: Tokenizer):
        pieces = [("Q: What", True), (" is 12", False), (" + 30?", True)]
        assert chatml.encode_segments(pieces) == chatml.encode("Q: What is 12 + 30?")

    def test_trusted_markers_are_tokens_and_others_are_text(self, chatml: Tokenizer):
        end = chatml.token_id("<|im_end|>")
        ids = chatml.encode_segments(
            [("<|im_start|>user\n", True), ("<|im_end|>", False), ("<|im_end|>\n", True)]
        )
        assert [i for i in ids if i == end] == [end]
        assert ids[0] == chatml.token_id("<|im_start|>")
        assert chatml.decode(ids) == "<|im_start|>user\n<|im_end|><|im_end|>\n"

    def test_equals_the_library_when_everything_is_trusted(self, chatml: Tokenizer):
        text = "<|im_start|>user\nWhat is 12 + 30?<|im_end|>\n<|im_start|>assistant\n"
        assert chatml.encode_segments([(text, True)]) == chatml.encode_with_special(text)

    def test_nothing(self, chatml: Tokenizer):
        assert chatml.encode_segments([]) == []
        assert chatml.encode_segments([("", True), ("", False)]) == []

    def test_a_tokenizer_without_added_tokens(self):
        document = json.loads(byte_tokenizer()._full.to_str())
        document["added_tokens"] = []
        bare = Tokenizer(json.dumps(document), generation_config={"eos_token_id": 10})
        assert bare.encode_segments([("a<|im_end|>", True)]) == list(b"a<|im_end|>")
        assert bare.marker_strings == ()


class TestEndAndPad:
    def test_the_named_end_comes_first_and_all_declared_ones_count(self, tmp_path: Path):
        directory = write_model_tokenizer(
            tmp_path, generation_config={"eos_token_id": [402, 400], "pad_token_id": 400}
        )
        tokenizer = Tokenizer.from_directory(directory)
        ids = {text: tokenizer.token_id(text) for text in tokenizer.control_strings}
        tokenizer = Tokenizer(
            (directory / "tokenizer.json").read_text(),
            config={"eos_token": "<|im_end|>"},
            generation_config={"eos_token_id": [ids["<|endoftext|>"], ids["<|im_end|>"]]},
        )
        assert tokenizer.eos_ids == (ids["<|im_end|>"], ids["<|endoftext|>"])
        assert tokenizer.eos_id == ids["<|im_end|>"]

    def test_one_declared_id(self):
        document = byte_tokenizer()._full.to_str()
        assert Tokenizer(document, generation_config={"eos_token_id": 256}).eos_ids == (256,)

    def test_the_end_may_be_declared_by_config_json_only(self, tmp_path: Path):
        write_byte_tokenizer(tmp_path)
        (tmp_path / "tokenizer_config.json").unlink()
        (tmp_path / "generation_config.json").unlink()
        (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": [257, 256]}))
        assert Tokenizer.from_directory(tmp_path).eos_ids == (257, 256)

    def test_generation_config_outranks_config_json(self, tmp_path: Path):
        write_byte_tokenizer(tmp_path)
        (tmp_path / "tokenizer_config.json").unlink()
        (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": 1}))
        assert Tokenizer.from_directory(tmp_path).eos_ids == (258, 256)

    def test_names_may_be_written_as_objects_or_in_the_special_tokens_map(self, tmp_path: Path):
        write_byte_tokenizer(tmp_path)
        (tmp_path / "generation_config.json").unlink()
        (tmp_path / "tokenizer_config.json").write_text(
            json.dumps({"pad_token": {"content": "<|im_start|>", "special": True}})
        )
        (tmp_path / "special_tokens_map.json").write_text(
            json.dumps({"eos_token": {"content": "<|im_end|>"}, "pad_token": "<|endoftext|>"})
        )
        tokenizer = Tokenizer.from_directory(tmp_path)
        assert (tokenizer.eos_ids, tokenizer.pad_id) == ((258,), 257)

    def test_without_any_end_nothing_would_stop(self):
        with pytest.raises(DataError, match="no end-of-text token.*or no completion ever stops"):
            Tokenizer(byte_tokenizer()._full.to_str())

    def test_pad_falls_back_to_declared_then_to_the_end(self):
        document = byte_tokenizer()._full.to_str()
        declared = {"eos_token_id": 258, "pad_token_id": 256}
        assert Tokenizer(document, generation_config=declared).pad_id == 256
        assert Tokenizer(document, generation_config={"eos_token_id": 258}).pad_id == 258
        negative = {"eos_token_id": 258, "pad_token_id": -1}
        assert Tokenizer(document, generation_config=negative).pad_id == 258

    def test_vocabulary_size_covers_every_id(self, chatml: Tokenizer):
        assert byte_tokenizer().vocab_size == 259
        assert chatml.vocab_size == 1 + chatml.encode_with_special("    ")[0]  # added last


class TestPrefix:
    def test_a_beginning_token_is_known_but_never_encoded(self, r1: Tokenizer):
        assert [r1.decode([i]) for i in r1.prefix_ids] == [
            "<\uff5cbegin\u2581of\u2581sentence\uff5c>"
        ]

    def test_most_have_none(self, chatml: Tokenizer):
        assert chatml.prefix_ids == ()

    def test_the_config_can_switch_it_off(self, tmp_path: Path):
        write_model_tokenizer(tmp_path, bos="<|endoftext|>", config={"add_bos_token": False})
        assert Tokenizer.from_directory(tmp_path).prefix_ids == ()


class TestChatTemplates:
    def test_the_file_wins_over_the_config(self, tmp_path: Path):
        write_model_tokenizer(
            tmp_path, config={"chat_template": "inside"}, chat_template="own file"
        )
        assert Tokenizer.from_directory(tmp_path).chat_templates == {"default": "own file"}

    def test_inside_the_config(self, tmp_path: Path):
        write_model_tokenizer(tmp_path, config={"chat_template": "inside"})
        assert Tokenizer.from_directory(tmp_path).chat_templates == {"default": "inside"}

    def test_named_lists(self, tmp_path: Path):
        named = [
            {"name": "default", "template": "plain"},
            {"name": "tool_use", "template": "with tools"},
        ]
        write_model_tokenizer(tmp_path, config={"chat_template": named})
        found = Tokenizer.from_directory(tmp_path).chat_templates
        assert found == {"default": "plain", "tool_use": "with tools"}

    def test_a_mapping_and_a_folder_of_further_ones(self, tmp_path: Path):
        write_model_tokenizer(tmp_path, config={"chat_template": {"default": "plain"}})
        (tmp_path / "additional_chat_templates").mkdir()
        (tmp_path / "additional_chat_templates" / "rag.jinja").write_text("documents")
        found = Tokenizer.from_directory(tmp_path).chat_templates
        assert found == {"default": "plain", "rag": "documents"}

    def test_none(self, tmp_path: Path):
        write_model_tokenizer(tmp_path)
        assert Tokenizer.from_directory(tmp_path).chat_templates == {}


class TestFiles:
    def test_truncation_and_padding_written_into_the_file_are_ignored(self, tmp_path: Path):
        write_byte_tokenizer(tmp_path)
        path = tmp_path / "tokenizer.json"
        document = json.loads(path.read_text())
        document["truncation"] = {
            "direction": "Right",
            "max_length": 3,
            "strategy": "LongestFirst",
            "stride": 0,
        }
        path.write_text(json.dumps(document))
        tokenizer = Tokenizer.from_directory(tmp_path)
        assert len(tokenizer.encode("abcdef")) == 6
        assert len(tokenizer.encode_with_special("abcdef")) == 6

    def test_a_directory_without_the_fast_format(self, tmp_path: Path):
        with pytest.raises(DataError, match=r"no tokenizer.json.*save_pretrained"):
            Tokenizer.from_directory(tmp_path)

    def test_a_damaged_tokenizer(self, tmp_path: Path):
        (tmp_path / "tokenizer.json").write_text('{"model": 3}')
        with pytest.raises(DataError, match="tokenizer.json cannot be read.*fetch the model again"):
            Tokenizer.from_directory(tmp_path)

    def test_a_damaged_config(self, tmp_path: Path):
        write_byte_tokenizer(tmp_path)
        (tmp_path / "generation_config.json").write_text("{")
        with pytest.raises(DataError, match="generation_config.json: not valid JSON"):
            Tokenizer.from_directory(tmp_path)
        (tmp_path / "generation_config.json").write_text("[]")
        with pytest.raises(DataError, match="expected a JSON object, found list"):
            Tokenizer.from_directory(tmp_path)

    def test_token_lookup(self, chatml: Tokenizer):
        assert chatml.token_id("no such token") is None
        assert chatml.token_text(chatml.eos_id) == "<|im_end|>"
