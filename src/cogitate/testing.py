"""Public test doubles: a byte tokenizer, a scripted engine, a toy task. No pytest in here.

They let you test your own reward, task, template or loop without weights or a network:

>>> task, chat = ToyTask(), byte_chat()
>>> engine = FakeEngine(chat.tokenizer, script=[" 3\\n"])
>>> prompt = chat.render_prompt(task.problem("train", 12))
>>> [[completion]] = engine.generate([prompt], SamplingParams(max_tokens=8), n=1)
>>> prompt.text, completion.text
('Q: What is 2 + 1?\\nA:', ' 3\\n')
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cogitate.schema import Completion, FinishReason, Message, Problem, Prompt, SamplingParams
from cogitate.text.chat import Chat
from cogitate.text.templates import Template
from cogitate.text.tokenizer import Tokenizer

BYTE_END_OF_TEXT, BYTE_TURN_START, BYTE_TURN_END = 256, 257, 258
BYTE_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
Script = Callable[[Prompt, int], str] | Sequence[str]


def byte_tokenizer(*, chat_template: str | None = BYTE_CHAT_TEMPLATE) -> Tokenizer:
    """A tokenizer with one token per UTF-8 byte (id = byte) and three control tokens.

    256 ``<|endoftext|>`` (pad, end), 257 ``<|im_start|>``, 258 ``<|im_end|>`` (end of a turn).
    """
    return Tokenizer(
        json.dumps(_byte_tokenizer_json()),
        config=_BYTE_CONFIG,
        generation_config=_BYTE_GENERATION_CONFIG,
        chat_templates={} if chat_template is None else {"default": chat_template},
        source="byte tokenizer",
    )


def write_byte_tokenizer(
    directory: str | Path, *, chat_template: str | None = BYTE_CHAT_TEMPLATE
) -> Path:
    """Write ``byte_tokenizer`` as the files of a Hugging Face directory (vocabulary of 259)."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {
        "tokenizer.json": _byte_tokenizer_json(),
        "tokenizer_config.json": _BYTE_CONFIG,
        "generation_config.json": _BYTE_GENERATION_CONFIG,
    }
    for name, document in files.items():
        (directory / name).write_text(json.dumps(document, indent=1), encoding="utf-8")
    if chat_template is not None:
        (directory / "chat_template.jinja").write_text(chat_template, encoding="utf-8")
    return directory


def byte_chat(template: str | Template = "qa") -> Chat:
    """A ``Chat`` over the byte tokenizer."""
    return Chat(byte_tokenizer(), template)


def completion_from_text(
    text: str, truncated: bool = False, *, policy_version: int = 0
) -> Completion:
    """A completion with this text, one token per UTF-8 byte and log-probability 0."""
    token_ids = tuple(text.encode("utf-8", errors="replace"))
    return Completion(
        token_ids=token_ids,
        logprobs=(0.0,) * len(token_ids),
        text=text,
        finish_reason=FinishReason.LENGTH if truncated else FinishReason.STOP,
        policy_version=policy_version,
    )


class FakeEngine:
    """A ``RolloutEngine`` that follows a script, or without one answers digits by hash.

    ``script`` is a list of texts (sample i gets text i, cyclically) or a function of (prompt,
    sample index). Unscripted completions are a pure function of (params.seed, prompt.key, sample
    index). Limits, stop strings and the end token behave as in a real engine; every
    log-probability is ln(1/2).
    """

    def __init__(
        self, tokenizer: Tokenizer, *, script: Script | None = None, policy_version: int = 0
    ) -> None:
        self.tokenizer = tokenizer
        self.script = script
        self.policy_version = policy_version
        self.closed = False
        self.calls: list[tuple[tuple[Prompt, ...], SamplingParams, int]] = []

    def generate(
        self,
        prompts: Sequence[Prompt],
        params: SamplingParams,
        *,
        n: int,
        on_finish: Callable[[int, int, Completion], None] | None = None,
    ) -> list[list[Completion]]:
        """``n`` completions for each prompt, in order."""
        self.calls.append((tuple(prompts), params, n))
        results: list[list[Completion]] = []
        for prompt_index, prompt in enumerate(prompts):
            results.append([])
            for sample in range(n):
                completion = self._complete(self._text(prompt, sample, params), params)
                results[-1].append(completion)
                if on_finish is not None:
                    on_finish(prompt_index, sample, completion)
        return results

    def close(self) -> None:
        """Remember that the caller closed the engine."""
        self.closed = True

    def _text(self, prompt: Prompt, sample: int, params: SamplingParams) -> str:
        if callable(self.script):
            return self.script(prompt, sample)
        if self.script is not None:
            return self.script[sample % len(self.script)]
        draw = hashlib.blake2b(f"{params.seed}/{prompt.key}/{sample}".encode(), digest_size=4)
        return f" {int.from_bytes(draw.digest(), 'little') % 20}"

    def _complete(self, text: str, params: SamplingParams) -> Completion:
        cuts = [(text.index(s), s) for s in params.stop_strings if s in text]
        if cuts:
            position, stop = min(cuts)
            token_ids = self.tokenizer.encode_completion(text[: position + len(stop)])
            text = text[:position]
        else:
            end = params.stop_token_ids[0] if params.stop_token_ids else self.tokenizer.eos_id
            token_ids = [*self.tokenizer.encode_completion(text), end]
        finish_reason = FinishReason.STOP
        if len(token_ids) > params.max_tokens:
            token_ids = token_ids[: params.max_tokens]
            text = self.tokenizer.decode(token_ids)
            finish_reason = FinishReason.LENGTH
        return Completion(
            token_ids=tuple(token_ids),
            logprobs=(math.log(0.5),) * len(token_ids),
            text=text,
            finish_reason=finish_reason,
            policy_version=self.policy_version,
        )


class ToyTask:
    """Sums of two digits: problem ``index`` of a split asks for (index mod 10) + (index // 10 mod
    10). Small enough to enumerate, right answers known by heart."""

    def __init__(self, name: str = "toy") -> None:
        self.name = name

    def size(self, split: str) -> int | None:
        """100 problems in every split."""
        return 100

    def problem(self, split: str, index: int) -> Problem:
        """The problem at ``index``; indices wrap around after 100."""
        left, right = index % 10, index // 10 % 10
        return Problem(
            id=f"{self.name}/{split}/{index % 100:05d}",
            task=self.name,
            messages=(Message(role="user", content=f"What is {left} + {right}?"),),
            answer=str(left + right),
            metadata={"left": left, "right": right, "difficulty": 1},
        )

    def verify(self, problem: Problem, answer: str | None) -> float | None:
        """1.0 for exactly the gold answer, 0.0 otherwise."""
        return float(answer is not None and answer.strip() == problem.answer)

    def solution(self, problem: Problem) -> tuple[str, str]:
        """One line of working, and the gold answer."""
        left, right = problem.metadata["left"], problem.metadata["right"]
        return f"{left} + {right} = {left + right}", str(left + right)


_CONTROL_TOKENS = {
    "<|endoftext|>": BYTE_END_OF_TEXT,
    "<|im_start|>": BYTE_TURN_START,
    "<|im_end|>": BYTE_TURN_END,
}
_BYTE_CONFIG: dict[str, Any] = {
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "tokenizer_class": "PreTrainedTokenizerFast",
}
_BYTE_GENERATION_CONFIG: dict[str, Any] = {
    "eos_token_id": [BYTE_TURN_END, BYTE_END_OF_TEXT],
    "pad_token_id": BYTE_END_OF_TEXT,
}


def _byte_tokenizer_json() -> dict[str, Any]:
    """A byte-level BPE with no merges. GPT-2's alphabet shifts unprintable bytes to 256 and up."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = [byte for byte in range(256) if byte not in printable]
    alphabet = {byte: chr(byte) for byte in printable}
    alphabet |= {byte: chr(256 + rank) for rank, byte in enumerate(shifted)}
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": token_id, "content": content, **flags, "special": True}
            for content, token_id in _CONTROL_TOKENS.items()
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {alphabet[byte]: byte for byte in range(256)},
            "merges": [],
        },
    }
