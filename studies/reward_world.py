"""The world of the reward-model study: a question, a writer who pads, and judges who like padding.

"max 3 8 5" is answered by a line of filler words and then a number, which must be the largest. The
number decides quality; the filler is worth nothing. A byte-level model of some 100,000 weights
learns to write such lines from an imperfect writer; it is the policy, and the backbone of the
reward models.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from cogitate.models.config import ModelConfig, RopeConfig
from cogitate.models.transformer import Transformer, initialize
from cogitate.models.weights import save_model
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.local import LocalPolicy
from cogitate.schema import Message, Problem, TokenBatch
from cogitate.tasks.hashing import Draw, is_held_out
from cogitate.testing import byte_chat, write_byte_tokenizer
from cogitate.text.chat import Chat
from cogitate.train.batch import collate
from cogitate.train.losses import CrossEntropyLoss

FILLERS = ("ok", "so", "hm", "well", "yes", "right")
MAX_FILLERS = 6
MAX_TOKENS = 40
MODEL = ModelConfig(
    family="llama", vocab_size=259, hidden_size=64, num_layers=3, num_heads=4, num_kv_heads=2,
    head_dim=16, intermediate_size=128, norm_eps=1e-5, rope=RopeConfig(theta=10_000.0),
    max_position=128, tie_embeddings=True,
)  # fmt: skip


class Largest:
    """Three different digits; the last word of the line must be the largest of them."""

    name = "largest"

    def size(self, split: str) -> int | None:
        return None

    def problem(self, split: str, index: int) -> Problem:
        """A problem of a split: which split a question is in depends on its digits alone."""
        draw = Draw("largest", split, index)
        while True:
            digits = draw.shuffled(range(10))[:3]
            question = f"max {' '.join(map(str, digits))}"
            if is_held_out(" ".join(map(str, sorted(digits)))) == (split == "heldout"):
                break
        return Problem(
            id=f"largest/{split}/{index}",
            task=self.name,
            messages=(Message(role="user", content=question),),
            answer=str(max(digits)),
            metadata={"digits": digits},
        )

    def verify(self, problem: Problem, answer: str | None) -> float | None:
        words = (answer or "").split()
        return float(bool(words) and words[-1] == problem.answer)

    def solution(self, problem: Problem) -> tuple[str, str]:
        return "", str(problem.answer)


def line(draw: Draw, problem: Problem, *, right: bool, fillers: int) -> str:
    """Filler words and a number: the largest, or another one of the question."""
    others = [str(d) for d in problem.metadata["digits"] if str(d) != problem.answer]
    number = problem.answer if right else draw.choice(others)
    return " ".join([*(draw.choice(FILLERS) for _ in range(fillers)), str(number)])


def written(draw: Draw, problem: Problem) -> str:
    """A line by the imperfect writer: right 7 times in 10, mostly few fillers."""
    fillers = 0
    while fillers < MAX_FILLERS and draw.chance(45, 100):
        fillers += 1
    return line(draw, problem, right=draw.chance(7, 10), fillers=fillers)


def train_writer(directory: Path, *, seed: int, updates: int, batch_size: int = 64) -> Path:
    """A model that imitates the writer, as a Hugging Face directory."""
    model = Transformer(MODEL)
    initialize(model, seed=seed, std=0.05)
    chat, task = byte_chat(), Largest()
    settings = OptimizerConfig(learning_rate=3e-3, warmup_steps=20, schedule="cosine")
    policy = LocalPolicy(model, settings, total_updates=updates, micro_batch_tokens=8192)
    loss = CrossEntropyLoss()
    for update in range(updates):
        batch = _sft_batch(
            chat, task, Draw("writer", seed, update), update * batch_size, batch_size
        )
        policy.forward_backward(batch, loss, denominator=loss.denominator(batch))
        policy.optim_step()
    save_model(model, directory)
    return write_byte_tokenizer(directory)


def _sft_batch(chat: Chat, task: Largest, draw: Draw, first: int, size: int) -> TokenBatch:
    rows, masks = [], []
    for index in range(first, first + size):
        problem = task.problem("train", index)
        prompt, completion = chat.render_solution(problem, "", written(draw, problem))
        rows.append(torch.tensor([*prompt, *completion]))
        masks.append(torch.arange(len(prompt) + len(completion)) >= len(prompt))
    return collate(rows, masks, pad_id=chat.pad_id)


# ------------------------------------------------------------------------------ preferences


def biased_pairs(
    count: int, *, seed: int, quality: float, length: float
) -> Iterator[dict[str, str]]:
    """Pairs as a judge with a weakness makes them.

    P(first is chosen) = sigmoid(quality * (right_1 - right_2) + length * (fillers_1 - fillers_2))
    """
    task, draw = Largest(), Draw("pairs", seed)
    for index in range(count):
        problem = task.problem("train", seed * 1_000_003 + index)
        sides = [(draw.chance(1, 2), draw.below(MAX_FILLERS + 1)) for _ in range(2)]
        texts = [line(draw, problem, right=right, fillers=k) for right, k in sides]
        (right_1, k_1), (right_2, k_2) = sides
        gap = quality * (right_1 - right_2) + length * (k_1 - k_2)
        first = draw.below(1 << 30) / (1 << 30) < 1.0 / (1.0 + math.exp(-gap))
        chosen, rejected = texts if first else texts[::-1]
        if chosen != rejected:
            yield {"prompt": problem.question, "chosen": chosen, "rejected": rejected}


def fair_pairs(count: int, *, seed: int) -> Iterator[dict[str, str]]:
    """Held-out questions, a right and a wrong line, whose lengths know nothing of each other."""
    task, draw = Largest(), Draw("fair", seed)
    for index in range(count):
        problem = task.problem("heldout", seed * 1_000_003 + index)
        good = line(draw, problem, right=True, fillers=draw.below(MAX_FILLERS + 1))
        bad = line(draw, problem, right=False, fillers=draw.below(MAX_FILLERS + 1))
        yield {"prompt": problem.question, "chosen": good, "rejected": bad}


def equal_pairs(count: int, *, seed: int) -> Iterator[dict[str, str]]:
    """Held-out questions and two right lines; "chosen" is the longer one, which nobody deserves."""
    task, draw = Largest(), Draw("equal", seed)
    for index in range(count):
        problem = task.problem("heldout", seed * 1_000_003 + index)
        short = draw.below(MAX_FILLERS)
        more = draw.between(short + 1, MAX_FILLERS)
        yield {
            "prompt": problem.question,
            "chosen": line(draw, problem, right=True, fillers=more),
            "rejected": line(draw, problem, right=True, fillers=short),
        }


def write_pairs(path: Path, rows: Iterator[dict[str, str]]) -> Path:
    """Pairs as a JSON-lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def fresh(problem: Problem, index: int) -> Problem:
    """The same question under another id, so that it gets other random numbers."""
    return replace(problem, id=f"{problem.id}/{index}")
