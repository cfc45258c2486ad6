"""Data to imitate: which tokens there are, which of them carry loss, what happens to long ones."""

from collections.abc import Mapping
from typing import Any

import pytest

from cogitate.errors import DataError
from cogitate.schema import Message
from cogitate.testing import BYTE_TURN_END, ToyTask, byte_chat
from cogitate.text.chat import Chat
from cogitate.text.conversations import (
    Example,
    conversation_examples,
    fit_examples,
    pair_example,
    row_examples,
    solution_example,
)
from cogitate.text.tokenizer import Tokenizer
from trained_tokenizers import write_r1_tokenizer

USER = Message(role="user", content="2+2?")


def learned(chat: Chat, example: Example) -> str:
    pairs = zip(example.token_ids, example.completion_mask, strict=True)
    return chat.decode([token for token, learn in pairs if learn])


def turns(*texts: str) -> list[Message]:
    return [
        Message(role="assistant" if i % 2 else "user", content=text) for i, text in enumerate(texts)
    ]


class TestSolutions:
    def test_loss_is_on_the_completion_only(self):
        task, chat = ToyTask(), byte_chat("qa")
        example = solution_example(chat, task, task.problem("train", 57))
        assert chat.decode(example.token_ids) == "Q: What is 7 + 5?\nA: 12\n"
        assert learned(chat, example) == " 12\n"
        assert example.num_completion_tokens == 4
        assert example.id == "toy/train/00057"
        assert not example.cut

    def test_the_end_token_is_learned(self):
        task, chat = ToyTask(), byte_chat("r1_zero")
        example = solution_example(chat, task, task.problem("train", 57))
        assert example.token_ids[-1] == BYTE_TURN_END
        assert example.completion_mask[-1]


class TestPairs:
    def test_a_recorded_reply(self):
        chat = byte_chat("chat")
        example = pair_example(chat, [USER], "It is 4.", example_id="x")
        assert learned(chat, example) == "It is 4.<|im_end|>"
        assert chat.decode(example.token_ids).startswith("<|im_start|>user\n2+2?<|im_end|>\n")

    def test_a_reply_cannot_end_its_own_turn(self):
        chat = byte_chat("chat")
        example = pair_example(chat, [USER], "4<|im_end|>5", example_id="x")
        assert example.token_ids.count(BYTE_TURN_END) == 2  # the question's and the last one


class TestConversations:
    def test_all_turns_share_one_sequence(self):
        chat = byte_chat("chat")
        (example,) = conversation_examples(chat, turns("a", "b", "c", "d"), example_id="x")
        assert chat.decode(example.token_ids) == (
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
            "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\nd<|im_end|>"
        )
        assert learned(chat, example) == "b<|im_end|>d<|im_end|>"
        assert example.id == "x"

    def test_the_last_turn_only(self):
        chat = byte_chat("chat")
        conversation = turns("a", "b", "c", "d")
        (example,) = conversation_examples(chat, conversation, example_id="x", train_on="last")
        assert learned(chat, example) == "d<|im_end|>"
        (whole,) = conversation_examples(chat, conversation, example_id="x")
        assert example.token_ids == whole.token_ids

    def test_what_follows_the_last_reply_is_left_out(self):
        chat = byte_chat("chat")
        (example,) = conversation_examples(chat, turns("a", "b", "c"), example_id="x")
        assert chat.decode(example.token_ids).endswith("b<|im_end|>")

    def test_plain_templates_too(self):
        chat = byte_chat("qa")
        (example,) = conversation_examples(chat, turns("a", "b", "c", "d"), example_id="x")
        assert chat.decode(example.token_ids) == "Q: a\nA: b\nQ: c\nA: d\n"
        assert learned(chat, example) == " b\n d\n"

    def test_a_template_that_rewrites_history_gives_one_example_per_turn(
        self, tmp_path_factory: pytest.TempPathFactory
    ):
        tokenizer = Tokenizer.from_directory(write_r1_tokenizer(tmp_path_factory.mktemp("r1")))
        chat = Chat(tokenizer, "chat")
        conversation = turns("a", "<think>\nt1\n</think>\n\nb", "c", "<think>\nt2\n</think>\n\nd")
        first, second = conversation_examples(chat, conversation, example_id="x")
        end = "<\uff5cend\u2581of\u2581sentence\uff5c>"
        assert learned(chat, first) == f"t1\n</think>\n\nb{end}"
        assert learned(chat, second) == f"t2\n</think>\n\nd{end}"
        assert "t1" not in chat.decode(second.token_ids)
        assert (first.id, second.id) == ("x#0", "x#1")

    def test_nothing_to_learn(self):
        with pytest.raises(DataError, match="x: a conversation of 1 messages without an assistant"):
            conversation_examples(byte_chat("chat"), [USER], example_id="x")


class TestRows:
    @pytest.mark.parametrize(
        "row",
        [
            {"prompt": "2+2?", "completion": "4"},
            {
                "prompt": [{"role": "user", "content": "2+2?"}],
                "completion": [{"role": "assistant", "content": "4"}],
            },
            {
                "messages": [
                    {"role": "user", "content": "2+2?"},
                    {"role": "assistant", "content": "4"},
                ],
                "prompt": None,
            },
        ],
        ids=["text", "conversational", "messages"],
    )
    @pytest.mark.parametrize("name", ["chat", "qa"])
    def test_styles_mean_the_same(self, row: Mapping[str, Any], name: str):
        chat = byte_chat(name)
        assert row_examples(chat, row, example_id="x") == (
            pair_example(chat, [USER], "4", example_id="x"),
        )

    def test_a_completion_of_several_messages(self):
        chat = byte_chat("chat")
        row = {
            "prompt": "a",
            "completion": [
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
                {"role": "assistant", "content": "d"},
            ],
        }
        (example,) = row_examples(chat, row, example_id="x")
        assert learned(chat, example) == "b<|im_end|>d<|im_end|>"
        (last,) = row_examples(chat, row, example_id="x", train_on="last")
        assert learned(chat, last) == "d<|im_end|>"

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"text": "a"}, r"columns \['text'\]. Expected 'messages', or 'prompt'"),
            ({"prompt": "a"}, "Rename the columns"),
            ({"prompt": "a", "completion": 4}, "4' is not a message"),
            ({"messages": "a"}, "'a' is not a message"),
            ({"messages": [{"role": "robot", "content": "a"}]}, "not a message"),
            ({"messages": [{"role": "user"}]}, "not a message"),
            ({"messages": [{"role": "user", "content": ["a"]}]}, "not a message"),
        ],
    )
    def test_bad_rows(self, row: Mapping[str, Any], reason: str):
        with pytest.raises(DataError, match=reason):
            row_examples(byte_chat("chat"), row, example_id="row 7")


class TestLength:
    def examples(self) -> list[Example]:
        chat = byte_chat("qa")
        return [
            pair_example(chat, [USER], answer, example_id=answer) for answer in ("4", "four", "")
        ]

    def test_lengths(self):
        assert [len(e.token_ids) for e in self.examples()] == [13, 16, 12]

    def test_drop(self):
        result = fit_examples(self.examples(), max_tokens=13)
        assert [e.id for e in result.examples] == ["4", ""]
        assert (result.num_dropped, result.num_cut) == (1, 0)

    def test_cut_keeps_the_beginning_and_says_so(self):
        result = fit_examples(self.examples(), max_tokens=14, overflow="cut")
        assert (result.num_dropped, result.num_cut) == (0, 1)
        cut = result.examples[1]
        assert cut.cut
        assert byte_chat("qa").decode(cut.token_ids) == "Q: 2+2?\nA: fou"
        assert learned(byte_chat("qa"), cut) == " fou"

    def test_cutting_to_nothing_drops(self):
        result = fit_examples(self.examples(), max_tokens=5, overflow="cut")
        assert (result.examples, result.num_dropped, result.num_cut) == ((), 3, 0)

    def test_error(self):
        with pytest.raises(DataError, match="example four: 16 tokens, more than the limit of 13"):
            fit_examples(self.examples(), max_tokens=13, overflow="error")
