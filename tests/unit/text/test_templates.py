r"""Prompts to the letter, and solutions that their own template reads back."""

from dataclasses import replace
from pathlib import Path

import pytest

from cogitate.errors import ConfigError, DataError
from cogitate.schema import Message, Problem
from cogitate.testing import ToyTask, byte_tokenizer
from cogitate.text.templates import (
    BOXED_INSTRUCTION,
    TEMPLATES,
    ChatTemplate,
    get_template,
)
from cogitate.text.tokenizer import Tokenizer
from trained_tokenizers import CHATML, write_model_tokenizer, write_r1_tokenizer

PREAMBLE = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves "
    "it. The assistant first thinks about the reasoning process in the mind and then provides the "
    "user with the answer. The reasoning process and answer are enclosed within <think> </think> "
    "and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> "
    "<answer> answer here </answer>."
)


def problem(*turns: tuple[str, str]) -> Problem:
    return Problem(
        id="t/train/1",
        task="t",
        messages=tuple(Message(role=role, content=text) for role, text in turns),  # type: ignore[arg-type]
        answer="42",
    )


ASK = problem(("user", "What is 6 * 7?"))
SHOTS = problem(
    ("system", "Be exact."),
    ("user", "What is 1 + 1?"),
    ("assistant", "2"),
    ("user", "What is 6 * 7?"),
)


class TestPrompts:
    def test_qa(self):
        assert get_template("qa").render(ASK) == "Q: What is 6 * 7?\nA:"

    def test_qa_with_examples(self):
        assert get_template("qa").render(SHOTS) == (
            "Be exact.\n\nQ: What is 1 + 1?\nA: 2\nQ: What is 6 * 7?\nA:"
        )

    def test_r1_zero_is_table_1_of_the_paper(self):
        text = get_template("r1_zero").render(ASK)
        assert text == f"{PREAMBLE} User: What is 6 * 7?. Assistant:"

    def test_r1_zero_in_the_manner_of_oat(self):
        text = get_template("r1_zero_prefill").render(ASK)
        assert text == f"{PREAMBLE}\nUser: What is 6 * 7?\nAssistant: <think>"

    def test_r1_zero_in_the_manner_of_tinyzero(self):
        text = get_template("r1_zero_steps").render(ASK)
        assert text.startswith("A conversation between User and Assistant.")
        assert text.endswith("\nAssistant: Let me solve this step by step.\n<think>")
        assert text.count("What is 6 * 7?") == 1
        for tag in ("<think> </think>", "<answer> </answer>"):
            assert tag in text

    def test_r1_zero_with_examples(self):
        text = get_template("r1_zero").render(SHOTS)
        assert text == (
            f"{PREAMBLE} Be exact. User: What is 1 + 1?. Assistant: 2 "
            "User: What is 6 * 7?. Assistant:"
        )

    def test_boxed(self):
        assert get_template("boxed").render(ASK) == (
            f"Question: What is 6 * 7?\n{BOXED_INSTRUCTION}\nAnswer:"
        )

    @pytest.mark.parametrize("name", ["qa", "r1_zero", "r1_zero_steps", "boxed"])
    @pytest.mark.parametrize(
        "braces", ["{question}", "{0}", "{", "%s", "\\1", "{{ 1 }}", "\ue000"], ids=repr
    )
    def test_a_question_is_never_a_pattern(self, name: str, braces: str):
        text = get_template(name).render(problem(("user", f"Is {braces} it?")))
        assert text.count(f"Is {braces} it?") == 1

    @pytest.mark.parametrize(
        "turns",
        [
            [("assistant", "hello")],
            [("user", "a"), ("user", "b")],
            [("user", "a"), ("assistant", "b")],
            [("user", "a"), ("tool", "b"), ("user", "c")],
            [("system", "a")],
        ],
    )
    def test_turns_that_plain_text_cannot_show(self, turns: list[tuple[str, str]]):
        with pytest.raises(DataError, match="problem t/train/1: template qa cannot write turns"):
            get_template("qa").render(problem(*turns))


class TestReading:
    @pytest.mark.parametrize("name", [n for n in TEMPLATES if n != "chat"])
    def test_a_solution_reads_back(self, name: str):
        task = ToyTask()
        asked = task.problem("train", 57)
        template = get_template(name)
        text = template.format_solution(*task.solution(asked))
        for mode in ("strict", "lenient"):
            parsed = template.parse(text, False, mode)
            assert (parsed.answer, parsed.format_ok, parsed.problems) == ("12", True, ())

    @pytest.mark.parametrize(
        ("name", "completion"),
        [
            ("qa", " 12\n"),
            ("r1_zero", " <think> 7 + 5 = 12 </think> <answer> 12 </answer>"),
            ("r1_zero_prefill", " 7 + 5 = 12 </think> <answer> 12 </answer>"),
            ("r1_zero_steps", " 7 + 5 = 12 </think> <answer> 12 </answer>"),
            ("boxed", " 7 + 5 = 12\n\\boxed{12}"),
            ("chat", "<think>\n7 + 5 = 12\n</think>\n\n12"),
            ("chat_boxed", "<think>\n7 + 5 = 12\n</think>\n\n\\boxed{12}"),
        ],
    )
    def test_solutions_to_the_letter(self, name: str, completion: str):
        assert get_template(name).format_solution(" 7 + 5 = 12\n", " 12 ") == completion

    def test_without_thinking(self):
        assert get_template("qa").format_solution("", "12") == " 12\n"
        assert get_template("boxed").format_solution("", "12") == " \\boxed{12}"
        assert get_template("chat").format_solution("", "12") == "12"
        for name in ("r1_zero", "r1_zero_prefill"):
            with pytest.raises(DataError, match="has a place for thinking"):
                get_template(name).format_solution("...", "12")

    def test_a_line_has_no_room_for_a_second_line(self):
        with pytest.raises(DataError, match=r"stops at '\\n'.*Use a template with more room"):
            get_template("qa").format_solution("", "1\n2")

    def test_lenient_reading_stops_where_the_model_plays_the_user(self):
        text = " <think>a</think><answer>42</answer>\nUser: next\nAssistant: <answer>43</answer>"
        template = get_template("r1_zero")
        assert template.parse(text, False, "lenient").answer == "42"
        assert template.parse(text, False, "lenient").format_ok
        assert not template.parse(text, False, "strict").format_ok

    def test_the_prompt_may_have_opened_the_thinking(self):
        completion = " 6 * 7</think> <answer>42</answer>"
        assert get_template("r1_zero_prefill").parse(completion, False).format_ok
        assert not get_template("r1_zero").parse(completion, False).format_ok


class TestReplies:
    @pytest.mark.parametrize(
        ("name", "reply", "completion"),
        [
            ("qa", "42", " 42\n"),
            ("qa", " 42\n", " 42\n"),
            ("boxed", "It is 42", " It is 42"),
            ("r1_zero", "\n<think>a</think>", "\n<think>a</think>"),
            ("r1_zero_prefill", "<think>a</think>b", "a</think>b"),
            ("r1_zero_prefill", " a</think>b", "a</think>b"),
            ("chat", "  kept as it is ", "  kept as it is "),
        ],
    )
    def test_recorded_text_as_a_completion(self, name: str, reply: str, completion: str):
        assert get_template(name).format_reply(reply) == completion

    def test_a_reply_without_thinking_does_not_fit_an_open_thinking(self):
        with pytest.raises(DataError, match="opens <think> in the prompt.*never closes it"):
            get_template("r1_zero_prefill").format_reply("just 42")


class TestFacts:
    def test_table(self):
        facts = {
            name: (t.stop_strings, t.prefilled, t.ends_with_eos, t.writes_bos)
            for name, t in TEMPLATES.items()
        }
        assert facts == {
            "qa": (("\n",), False, False, False),
            "r1_zero": ((), False, True, False),
            "r1_zero_prefill": ((), True, True, False),
            "r1_zero_steps": ((), True, True, False),
            "boxed": ((), False, True, False),
            "chat": ((), False, True, True),
            "chat_boxed": ((), False, True, True),
        }

    def test_unknown_name(self):
        with pytest.raises(ConfigError, match='unknown template "r1_zer".*Did you mean "r1_zero"'):
            get_template("r1_zer")

    def test_unknown_option(self):
        with pytest.raises(
            ConfigError, match="template qa: unknown option instruction. Known: stop"
        ):
            get_template("qa", instruction="Hurry.")

    def test_options(self):
        assert get_template("r1_zero", stop_strings=["\nUser:"]).stop_strings == ("\nUser:",)
        assert TEMPLATES["r1_zero"].stop_strings == ()
        open_ended = get_template("qa", stop_strings=())
        assert open_ended.format_solution("", "4\n2") == " 4\n2"
        assert open_ended.parse(" 4\n2", False).answer == "4\n2"


class TestChatTemplate:
    def bind(self, **options: object) -> ChatTemplate:
        template = get_template("chat", **options)
        assert isinstance(template, ChatTemplate)
        return template.bind(byte_tokenizer())

    def test_renders_for_a_reply(self):
        assert self.bind().render(ASK) == (
            "<|im_start|>user\nWhat is 6 * 7?<|im_end|>\n<|im_start|>assistant\n"
        )

    def test_instruction_goes_into_the_last_user_turn(self):
        text = self.bind(instruction="Hurry.").render(SHOTS)
        assert text.count("Hurry.") == 1
        assert "What is 6 * 7?\nHurry.<|im_end|>" in text

    def test_variables_reach_the_template(self, tmp_path: Path):
        source = "{{ eos_token }}{{ tone }}{{ messages[-1].content }}"
        write_model_tokenizer(tmp_path, chat_template=source)
        template = get_template("chat", variables={"tone": "!"})
        assert isinstance(template, ChatTemplate)
        bound = template.bind(Tokenizer.from_directory(tmp_path))
        assert bound.render(ASK) == "<|im_end|>!What is 6 * 7?"

    def test_knows_what_ends_a_turn(self):
        assert self.bind().turn_end == "<|im_end|>\n"
        assert not self.bind().prefilled

    def test_an_r1_prompt_opens_the_thinking(self, tmp_path: Path):
        tokenizer = Tokenizer.from_directory(write_r1_tokenizer(tmp_path))
        template = get_template("chat")
        assert isinstance(template, ChatTemplate)
        bound = template.bind(tokenizer)
        assert bound.prefilled
        assert bound.render(ASK).endswith("<\uff5cAssistant\uff5c><think>\n")
        assert bound.format_solution("6 * 7", "42") == "6 * 7\n</think>\n\n42"
        assert bound.format_reply("<think>\n6 * 7\n</think>\n\n42") == "6 * 7\n</think>\n\n42"
        assert bound.parse("6 * 7\n</think>\n\n42", False).format_ok
        assert bound.parse("I think it is 42", False).answer is None
        with pytest.raises(DataError, match="has a place for thinking"):
            bound.format_solution("", "42")

    def test_named_templates(self, tmp_path: Path):
        named = [{"name": "default", "template": "D"}, {"name": "rag", "template": "R"}]
        write_model_tokenizer(tmp_path, config={"chat_template": named})
        template = get_template("chat", template="rag")
        assert isinstance(template, ChatTemplate)
        assert template.bind(Tokenizer.from_directory(tmp_path)).render(ASK) == "R"

    def test_a_model_without_a_chat_template(self):
        with pytest.raises(DataError, match="no chat template 'default'.*use template.name = 'qa'"):
            ChatTemplate().bind(byte_tokenizer(chat_template=None))

    def test_use_before_binding(self):
        with pytest.raises(DataError, match="has no tokenizer yet"):
            ChatTemplate().render(ASK)

    def test_binding_leaves_the_table_alone(self):
        self.bind()
        assert TEMPLATES["chat"] == ChatTemplate()
        assert replace(ChatTemplate(), jinja=None) == ChatTemplate()


def test_chatml_source_used_by_other_tests_is_chatml(tmp_path: Path):
    tokenizer = Tokenizer.from_directory(write_model_tokenizer(tmp_path, chat_template=CHATML))
    rendered = ChatTemplate().bind(tokenizer).render(ASK)
    assert rendered == ChatTemplate().bind(byte_tokenizer()).render(ASK)
