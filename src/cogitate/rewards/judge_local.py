"""A judge that is a model in this process: a rollout engine and its chat template.

It is asked greedily. When its reply does not end with a verdict, the reply is continued up to the
place where the verdict must stand, and the verdict is chosen there: by the probability of each
allowed one where there is a scorer, else by what the model writes next.
"""

from collections.abc import Sequence

import torch

from cogitate.errors import EngineError
from cogitate.protocols import RolloutEngine, Scorer
from cogitate.rewards.calling import Failure
from cogitate.rewards.judge_prompts import JudgeRequest, fence_word, read_verdict
from cogitate.schema import FinishReason, Message, Problem, Prompt, SamplingParams, TokenBatch
from cogitate.text.chat import Chat
from cogitate.text.think import THINK_CLOSE, THINK_OPEN

VERDICT_TOKENS = 16


class LocalJudge:
    """A model that judges, in this process.

    ``scorer`` gives log-probabilities of the same model; with it the verdict is constrained: it
    is always one of the allowed ones, the most probable.
    """

    def __init__(
        self, engine: RolloutEngine, chat: Chat, *, scorer: Scorer | None = None,
        max_tokens: int = 1024, name: str = "local",
    ) -> None:  # fmt: skip
        self.name = name
        self._engine = engine
        self._chat = chat
        self._scorer = scorer
        self._max_tokens = max_tokens

    def replies(self, requests: Sequence[JudgeRequest]) -> list[str | Failure]:
        """The reply to each request, with a verdict at its end where one could be had."""
        prompts = [self._prompt(request) for request in requests]
        try:
            samples = self._generate(prompts, self._max_tokens)
            return [
                self._finished(request, prompt, text, done)
                for request, prompt, (text, done) in zip(requests, prompts, samples, strict=True)
            ]
        except EngineError as error:
            failure = Failure(cause="judge_failed", reason=f"the engine failed: {error}"[:300])
            return [failure] * len(requests)

    def close(self) -> None:
        """End the engine."""
        self._engine.close()

    def _prompt(self, request: JudgeRequest) -> Prompt:
        return self._chat.render_prompt(Problem(
            id=fence_word(request.system, request.user), task="judge", answer=None,
            messages=(
                Message(role="system", content=request.system),
                Message(role="user", content=request.user),
            ),
        ))  # fmt: skip

    def _generate(self, prompts: Sequence[Prompt], max_tokens: int) -> list[tuple[str, bool]]:
        params = SamplingParams(
            max_tokens=max_tokens, temperature=0.0, stop_token_ids=self._chat.stop_token_ids
        )
        groups = self._engine.generate(prompts, params, n=1)
        return [(g[0].text, g[0].finish_reason is FinishReason.STOP) for g in groups]

    def _finished(self, request: JudgeRequest, prompt: Prompt, text: str, done: bool) -> str:
        """The reply with a verdict at its end, asked for once more where there is none."""
        if self._chat.template.prefilled and THINK_OPEN not in text:
            text = THINK_OPEN + text
        if done and self._scorer is None and read_verdict(text, request) is not None:
            return text
        if THINK_OPEN in text and THINK_CLOSE not in text:
            text += f"\n{THINK_CLOSE}\n"
        lead = f'{text.rstrip()}\n{{"{request.key}": "'
        if self._scorer is not None:
            return f'{lead}{self._most_probable(prompt, lead, request.allowed)}"}}'
        asked = self._continued(prompt, lead)
        [(written, _)] = self._generate([asked], VERDICT_TOKENS)
        return f'{lead}{written.partition(chr(34))[0]}"}}'

    def _continued(self, prompt: Prompt, text: str) -> Prompt:
        if self._chat.template.prefilled:
            text = text.removeprefix(THINK_OPEN)
        token_ids = (*prompt.token_ids, *self._chat.tokenizer.encode_completion(text))
        return Prompt(token_ids=token_ids, text=prompt.text + text, key=prompt.key)

    def _most_probable(self, prompt: Prompt, lead: str, allowed: Sequence[str]) -> str:
        """The allowed verdict whose tokens, closing quote included, are most probable."""
        assert self._scorer is not None
        start = len(prompt.token_ids)
        rows = [
            self._continued(prompt, f'{lead}{verdict}"}}').token_ids for verdict in allowed
        ]  # fmt: skip
        batch = _batch(rows, start)
        logprobs = self._scorer.logprobs(batch)
        totals = (logprobs.double() * batch.completion_mask).sum(dim=1)
        return allowed[int(totals.argmax())]


def _batch(rows: Sequence[Sequence[int]], start: int) -> TokenBatch:
    """Right-padded rows; the completion is what follows ``start``."""
    longest = max(len(row) for row in rows)
    token_ids = torch.zeros(len(rows), longest, dtype=torch.long)
    attention = torch.zeros(len(rows), longest, dtype=torch.bool)
    for index, row in enumerate(rows):
        token_ids[index, : len(row)] = torch.tensor(list(row))
        attention[index, : len(row)] = True
    completion = attention.clone()
    completion[:, :start] = False
    return TokenBatch(token_ids=token_ids, attention_mask=attention, completion_mask=completion)
