import argparse
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cogitate.cli import conversation as conversation_module
from cogitate.cli import main
from cogitate.cli.conversation import Conversation
from cogitate.inference import OpenModel, open_model
from cogitate.schema import Completion, Prompt
from cogitate.testing import completion_from_text
from tiny_run import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OpenModel:
    directory = write_tiny_model(tmp_path_factory.mktemp("model"))
    return open_model(directory, template="chat", device="cpu", kernels="torch", slots=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Prompt]:
    """The prompts that were answered, with "Hi" in two pieces and an escape sequence between."""
    prompts: list[Prompt] = []

    def scripted(engine: Any, prompt: Prompt, params: Any) -> Iterator[str | Completion]:
        prompts.append(prompt)
        yield from ("H\x1b[3", "1mi")
        yield completion_from_text("Hi", truncated=len(prompts) == 2)

    monkeypatch.setattr(conversation_module, "stream", scripted)
    return prompts


def arguments(**changes: Any) -> argparse.Namespace:
    settings = {"system": None, "max_tokens": 8, "temperature": 0.6, "top_p": 1.0, "top_k": 0,
                "seed": 0}  # fmt: skip
    return argparse.Namespace(**{**settings, **changes})


def test_answers_stream_without_control_characters(model: OpenModel, asked: list[Prompt]) -> None:
    out = io.StringIO()
    chat = Conversation(model, arguments())
    chat.answer("Hello", out)
    chat.answer("Again", out)
    assert out.getvalue() == "Hi\nHi (truncated)\n"
    assert asked[1].text == (
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi<|im_end|>\n"
        "<|im_start|>user\nAgain<|im_end|>\n<|im_start|>assistant\n"
    )


def test_reset_forgets_and_system_is_kept(model: OpenModel, asked: list[Prompt]) -> None:
    said: list[str] = []
    chat = Conversation(model, arguments(system="Be brief."))
    chat.answer("One", io.StringIO())
    assert chat.command("/reset", said.append)
    chat.answer("Two", io.StringIO())
    assert "One" not in asked[1].text
    assert asked[1].text.startswith("<|im_start|>system\nBe brief.<|im_end|>")
    assert chat.command("/system Be long.", said.append)
    chat.answer("Three", io.StringIO())
    assert "Be long." in asked[2].text
    assert chat.command("/system", said.append)
    chat.answer("Four", io.StringIO())
    assert "system" not in asked[3].text
    assert said == ["(conversation forgotten)", "(system message set)", "(no system message)"]


def test_commands(model: OpenModel) -> None:
    said: list[str] = []
    chat = Conversation(model, arguments())
    assert not chat.command("/exit", said.append)
    assert chat.command("/help", said.append)
    assert chat.command("/dance", said.append)
    assert "/reset" in said[0]
    assert said[1].startswith("unknown command /dance")


def test_ctrl_c_stops_an_answer_and_keeps_the_chat(
    model: OpenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(engine: Any, prompt: Prompt, params: Any) -> Iterator[str]:
        yield "Well"
        raise KeyboardInterrupt

    monkeypatch.setattr(conversation_module, "stream", interrupted)
    chat, out = Conversation(model, arguments()), io.StringIO()
    assert chat.answer("Hello", out) is None
    assert out.getvalue() == "Well (stopped)\n"
    assert chat.messages == []


def test_asking_again_may_be_answered_differently(
    model: OpenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []

    def record(engine: Any, prompt: Prompt, params: Any) -> Iterator[Completion]:
        seeds.append(params.seed)
        yield completion_from_text("x")

    monkeypatch.setattr(conversation_module, "stream", record)
    chat = Conversation(model, arguments(seed=7))
    chat.answer("a", io.StringIO())
    chat.answer("a", io.StringIO())
    assert seeds == [7, 8]


def test_lines_from_a_pipe(
    model: OpenModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "What is 1?\n\n/reset\nAnd 2?\n/exit\nnever asked\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    code = main(["chat", str(model.directory), "--json", "--max-tokens", "4", "--kernels", "torch"])
    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    turns = [json.loads(line) for line in lines if line.startswith("{")]
    assert [turn["question"] for turn in turns] == ["What is 1?", "And 2?"]
    assert all(1 <= turn["tokens"] <= 4 for turn in turns)


def test_a_conversation_that_fills_the_context_still_gets_an_answer(
    model: OpenModel, tmp_path: Path
) -> None:
    chat = Conversation(model, arguments(max_tokens=10_000))
    done = chat.answer("x" * 40, io.StringIO())
    assert done is not None
    assert len(done.token_ids) <= model.engine.model.config.max_position
