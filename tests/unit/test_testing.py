"""The public test doubles do what their documentation promises."""

import ast
import json
import math
from pathlib import Path

import pytest

import cogitate.testing
from cogitate.schema import Completion, FinishReason, Prompt, SamplingParams
from cogitate.testing import (
    FakeEngine,
    ToyTask,
    byte_chat,
    byte_tokenizer,
    completion_from_text,
    write_byte_tokenizer,
)
from cogitate.text.tokenizer import Tokenizer

TASK = ToyTask()
CHAT = byte_chat()


def prompts(*indices: int) -> list[Prompt]:
    return [CHAT.render_prompt(TASK.problem("train", index)) for index in indices]


def generate(engine: FakeEngine, *, n: int = 4, **options: object) -> list[list[Completion]]:
    params = SamplingParams(**{"max_tokens": 16, **options})  # type: ignore[arg-type]
    return engine.generate(prompts(12, 57), params, n=n)


def test_no_test_framework_is_imported():
    tree = ast.parse(Path(cogitate.testing.__file__).read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else
                     [alias.name for alias in node.names])
    }  # fmt: skip
    assert imported <= {"cogitate", "collections", "hashlib", "json", "math", "pathlib", "typing"}


class TestByteTokenizer:
    def test_ids_are_bytes(self):
        every_byte = bytes(range(256))
        text = every_byte.decode("latin-1")
        assert byte_tokenizer().encode(text) == list(text.encode())
        assert byte_tokenizer().vocab_size == 259

    def test_directory(self, tmp_path: Path):
        directory = write_byte_tokenizer(tmp_path / "new" / "folder")
        read = Tokenizer.from_directory(directory)
        built = byte_tokenizer()
        assert read.eos_ids == built.eos_ids == (258, 256)
        assert read.pad_id == built.pad_id == 256
        assert read.chat_templates == built.chat_templates
        assert read.encode_with_special("é<|im_end|>") == [0xC3, 0xA9, 258]

    def test_without_a_chat_template(self, tmp_path: Path):
        write_byte_tokenizer(tmp_path, chat_template=None)
        assert not (tmp_path / "chat_template.jinja").exists()
        assert Tokenizer.from_directory(tmp_path).chat_templates == {}

    def test_files_are_json(self, tmp_path: Path):
        write_byte_tokenizer(tmp_path)
        for path in tmp_path.glob("*.json"):
            assert isinstance(json.loads(path.read_text()), dict)


class TestCompletionFromText:
    def test_one_token_a_byte(self):
        completion = completion_from_text("é4")
        assert completion.token_ids == (0xC3, 0xA9, 0x34)
        assert completion.logprobs == (0.0, 0.0, 0.0)
        assert completion.finish_reason is FinishReason.STOP

    def test_truncated(self):
        completion = completion_from_text("4", truncated=True, policy_version=7)
        assert completion.finish_reason is FinishReason.LENGTH
        assert completion.policy_version == 7


class TestFakeEngine:
    def test_follows_a_list(self):
        completions = generate(FakeEngine(CHAT.tokenizer, script=[" 3", " 4"]), n=3)
        assert [[c.text for c in row] for row in completions] == [[" 3", " 4", " 3"]] * 2

    def test_follows_a_function(self):
        engine = FakeEngine(CHAT.tokenizer, script=lambda prompt, sample: f"{prompt.text}{sample}")
        completions = generate(engine, n=2, max_tokens=99)
        assert completions[1][1].text == "Q: What is 7 + 5?\nA:1"

    def test_unscripted_answers_are_a_function_of_seed_prompt_and_sample(self):
        first, again = generate(FakeEngine(CHAT.tokenizer)), generate(FakeEngine(CHAT.tokenizer))
        other = generate(FakeEngine(CHAT.tokenizer), seed=1)
        assert first == again
        assert first != other
        assert first[0] != first[1]
        assert len({c.text for row in first for c in row}) > 2
        assert all(0 <= int(c.text) < 20 for row in first for c in row)

    def test_ends_with_the_stop_token_asked_for(self):
        engine = FakeEngine(CHAT.tokenizer, script=[" 3"])
        assert generate(engine)[0][0].token_ids == (32, 51, 258)
        assert generate(engine, stop_token_ids=(256,))[0][0].token_ids == (32, 51, 256)

    def test_stops_at_the_first_stop_string(self):
        engine = FakeEngine(CHAT.tokenizer, script=[" 3\nQ: and\n"])
        completion = generate(engine, stop_strings=("Q:", "\n"))[0][0]
        assert completion.text == " 3"
        assert completion.token_ids == tuple(b" 3\n")
        assert completion.finish_reason is FinishReason.STOP

    def test_truncates(self):
        completion = generate(FakeEngine(CHAT.tokenizer, script=["12345"]), max_tokens=5)[0][0]
        assert (completion.text, completion.finish_reason) == ("12345", FinishReason.LENGTH)
        assert len(completion.token_ids) == len(completion.logprobs) == 5
        assert completion.logprobs[0] == pytest.approx(math.log(0.5))

    def test_reports_every_completion_and_remembers_calls(self):
        engine = FakeEngine(CHAT.tokenizer, script=[" 3"], policy_version=5)
        seen: list[tuple[int, int, str]] = []
        params = SamplingParams(max_tokens=9)
        engine.generate(
            prompts(1, 2), params, n=2, on_finish=lambda p, s, c: seen.append((p, s, c.text))
        )
        assert seen == [(0, 0, " 3"), (0, 1, " 3"), (1, 0, " 3"), (1, 1, " 3")]
        assert engine.calls == [(tuple(prompts(1, 2)), params, 2)]
        assert generate(engine)[0][0].policy_version == 5
        engine.close()
        assert engine.closed


class TestToyTask:
    def test_problem(self):
        problem = TASK.problem("train", 57)
        assert (problem.question, problem.answer) == ("What is 7 + 5?", "12")
        assert problem.id == "toy/train/00057"
        assert problem == TASK.problem("train", 157)
        assert TASK.size("train") == 100

    def test_grades_its_own_solutions_and_nothing_else(self):
        for index in range(100):
            problem = TASK.problem("heldout", index)
            _, answer = TASK.solution(problem)
            assert TASK.verify(problem, answer) == 1.0
            assert TASK.verify(problem, answer + "0") == 0.0
        assert TASK.verify(TASK.problem("heldout", 0), None) == 0.0

    def test_name(self):
        assert ToyTask("sums").problem("train", 0).id.startswith("sums/")
