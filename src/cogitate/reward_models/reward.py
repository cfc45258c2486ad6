"""A trained reward model as a reward in reinforcement learning: batched, bounded, never raising.

    value = tanh((score - centre) / spread)            helpfulness
    value = tanh(score / 2) = 2 P(safe) - 1            safety

Paper: DeepSeek-R1 (arXiv:2501.12948v2) section 3.2.2 adds the score of the reward model to the
format reward; no bound is published. Ours keeps one wild score from outweighing everything else.
"""

import logging
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from cogitate.errors import DataError
from cogitate.models.packing import microbatches
from cogitate.reward_models.encoding import Encoder, Tokens, reward_chat, scored_text
from cogitate.reward_models.model import (
    RewardCard,
    RewardModel,
    Scores,
    load_reward_model,
    reward_model_directory,
)
from cogitate.schema import Completion, FinishReason, Message, Problem, TokenBatch
from cogitate.text.chat import Chat
from cogitate.text.tokenizer import Tokenizer
from cogitate.train.batch import collate

_logger = logging.getLogger(__name__)

Bound = Literal["tanh", "none"]
WORST_SPREADS = 4.0
"""Without a bound, a completion with nothing to score gets the mean minus so many spreads."""


class TextScorer:
    """Raw scores of completions under a reward model, in batches and without gradients."""

    def __init__(self, model: RewardModel, chat: Chat, *, micro_batch_tokens: int = 4096) -> None:
        self.model = model.eval()
        self.encoder = Encoder(chat=chat)
        self.micro_batch_tokens = micro_batch_tokens
        self._lock = threading.Lock()

    @torch.no_grad()
    def score(self, rows: Sequence[tuple[Tokens, Tokens]]) -> list[float]:
        """The score of each pair of prompt and completion tokens, in order."""
        if not rows:
            return []
        batch = row_batch(rows, pad_id=self.encoder.chat.pad_id)
        with self._lock:
            parts = [
                self.model.scores(micro).cpu()
                for micro in microbatches(batch, max_tokens=self.micro_batch_tokens)
            ]
        return torch.cat(parts).tolist()


def row_batch(rows: Sequence[tuple[Tokens, Tokens]], *, pad_id: int) -> TokenBatch:
    """Prompts with their completions as right-padded rows."""
    ids = [torch.tensor([*prompt, *completion]) for prompt, completion in rows]
    masks = [
        torch.arange(len(prompt) + len(completion)) >= len(prompt) for prompt, completion in rows
    ]
    return collate(ids, masks, pad_id=pad_id)


class RewardModelReward:
    """``RewardFn`` of a reward model.

    A completion with nothing to score (thinking that never ends, no visible text) or longer than
    the model can read gets the worst value: that is the policy's own doing, and leaving it out
    would be a way to escape the reward. None means that the score could not be had: the prompt does
    not fit the model, or the score is not finite.

    Args:
        scores: "summary" or "whole"; what the model was trained on when left out.
        prefilled: whether the policy's prompt opens ``<think>`` (``chat.template.prefilled``).
        bound: "none" gives the score minus the mean of the training texts, without a bound.
    """

    def __init__(
        self,
        scorer: TextScorer,
        card: RewardCard,
        *,
        scores: Scores | None = None,
        prefilled: bool = False,
        bound: Bound = "tanh",
    ) -> None:
        self.scorer = scorer
        self.card = card
        self.scores: Scores = scores or card.scores
        self.prefilled = prefilled
        self.bound: Bound = bound

    @classmethod
    def load(
        cls,
        directory: Path | str,
        *,
        scores: Scores | None = None,
        prefilled: bool = False,
        bound: Bound = "tanh",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        micro_batch_tokens: int = 4096,
    ) -> "RewardModelReward":
        """The reward of a directory that ``cogitate reward-model train`` wrote.

        Raises:
            DataError: it is not the directory of a reward model, or it is damaged.
        """
        directory = reward_model_directory(directory)
        card = RewardCard.read(directory)
        if scores not in (None, card.scores):
            _logger.warning(
                "%s was trained to score the %s and is asked to score the %s.",
                directory, card.scores, scores,
            )  # fmt: skip
        chat = reward_chat(Tokenizer.from_directory(directory), card.template)
        model = load_reward_model(directory, dtype=dtype, device=device)
        scorer = TextScorer(model, chat, micro_batch_tokens=micro_batch_tokens)
        return cls(scorer, card, scores=scores, prefilled=prefilled, bound=bound)

    @property
    def worst(self) -> float:
        """The value of a completion with nothing to score."""
        return -1.0 if self.bound == "tanh" else -WORST_SPREADS * self.card.spread

    def value(self, score: float) -> float | None:
        """The reward of a raw score; None if the score is not finite."""
        if not math.isfinite(score):
            return None
        safety = self.card.kind == "safety"
        centred = score if safety else score - self.card.centre
        if self.bound == "none":
            return centred
        return math.tanh(centred / (2.0 if safety else self.card.spread))

    def __call__(self, problem: Problem, completions: Sequence[Completion]) -> list[float | None]:
        """One value for each completion, in order. Aborted completions get None."""
        texts = [
            None
            if completion.finish_reason is FinishReason.ABORT
            else scored_text(completion.text, self.scores, prefilled=self.prefilled) or ""
            for completion in completions
        ]
        return self.of_texts(problem.messages, texts)

    def of_texts(
        self, messages: Sequence[Message], texts: Sequence[str | None]
    ) -> list[float | None]:
        """Values of texts that are already cut; None stays None, an empty text gets the worst."""
        limit = self.scorer.model.config.max_position
        try:
            prompt = self.scorer.encoder.prompt(messages)
        except DataError:
            return [None] * len(texts)
        if len(prompt) >= limit:
            return [None] * len(texts)
        values: list[float | None] = [None if text is None else self.worst for text in texts]
        rows: dict[int, Tokens] = {}
        for index, text in enumerate(texts):
            if text:
                tokens = self.scorer.encoder.completion(text)
                if len(prompt) + len(tokens) <= limit:
                    rows[index] = tokens
        scores = self.scorer.score([(prompt, tokens) for tokens in rows.values()])
        for index, score in zip(rows, scores, strict=True):
            values[index] = self.value(score)
        return values
