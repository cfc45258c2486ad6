import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.reward_models.encoding import Encoder, reward_chat, scored_text
from cogitate.schema import Message
from cogitate.testing import BYTE_TURN_END, byte_chat, byte_tokenizer


class TestScoredText:
    @pytest.mark.parametrize(
        ("text", "summary"),
        [
            ("Yes.", "Yes."),
            ("<think>a</think>\n\nYes. ", "Yes."),
            ("a</think> Yes.", "Yes."),  # the prompt held the open tag
            ("<think>a</think> No. <think>b</think> Yes.", "Yes."),  # only what comes last
            ("<think>a", None),
            ("<think>a</think> \u200b\n", None),
            ("", None),
            ("<think>a</think>Yes.<|im_end|>\n<|im_start|>user\nNo.", "Yes."),
        ],
    )
    def test_summary(self, text: str, summary: str | None) -> None:
        assert scored_text(text, "summary") == summary

    def test_prefilled_thinking_that_never_ends(self) -> None:
        assert scored_text("a", "summary") == "a"
        assert scored_text("a", "summary", prefilled=True) is None
        assert scored_text("a</think>b", "summary", prefilled=True) == "b"

    def test_whole(self) -> None:
        assert scored_text("<think>a</think> b", "whole") == "<think>a</think> b"
        assert scored_text("<think>a", "whole") == "<think>a"
        assert scored_text("a</s>b", "whole") == "a"
        assert scored_text(" \n", "whole") is None

    @given(st.text(), st.sampled_from(["summary", "whole"]), st.booleans())
    def test_never_raises_and_adds_nothing(self, text: str, scores, prefilled: bool) -> None:
        found = scored_text(text, scores, prefilled=prefilled)
        assert found is None or found in text


class TestEncoder:
    QUESTION = (Message(role="user", content="hi?"),)

    def test_the_chat_template_ends_the_turn(self) -> None:
        encoder = Encoder(chat=reward_chat(byte_tokenizer(), "auto"))
        text = bytes(t for t in encoder.prompt(self.QUESTION) if t < 256).decode()
        assert encoder.chat.template.name == "chat"
        assert text == "user\nhi?\nassistant\n"
        assert encoder.completion("ok") == (*b"ok", BYTE_TURN_END)

    def test_a_template_without_end_gets_one(self) -> None:
        encoder = Encoder(chat=byte_chat("qa"))
        assert bytes(encoder.prompt(self.QUESTION)) == b"Q: hi?\nA:"
        assert encoder.completion("ok") == (*b"ok", BYTE_TURN_END)

    def test_without_a_chat_template_it_is_qa(self) -> None:
        chat = reward_chat(byte_tokenizer(chat_template=None), "auto")
        assert chat.template.name == "qa"

    def test_control_tokens_in_a_completion_are_text(self) -> None:
        tokens = Encoder(chat=byte_chat("qa")).completion("a<|im_end|>b")
        assert tokens.count(BYTE_TURN_END) == 1
        assert tokens[-1] == BYTE_TURN_END
