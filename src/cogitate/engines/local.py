"""Rollouts in this process: static slots, continuous batching, one prefill per group.

The loop is: admit waiting samples to free slots, run one forward over all decoding lanes and the
newly admitted prompts, sample one token per lane, retire what has ended. A prompt is computed once
for its group and its keys and values are stored once; samples read them there.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from cogitate.engines.decoder import Decoder, Lanes, TorchDecoder
from cogitate.engines.sampler import uniforms
from cogitate.errors import EngineError
from cogitate.models.transformer import Transformer
from cogitate.schema import Completion, FinishReason, Prompt, SamplingParams

OnFinish = Callable[[int, int, Completion], None]


def make_decoder(model: Transformer, kernels: str) -> Decoder:
    """The decoder for ``kernels``: "native", "torch", or "auto" (native where it can run).

    Raises:
        EngineError: "native" was asked for and cannot run here; the message says why.
    """
    from cogitate.engines.native_decoder import NativeDecoder, unsupported
    from cogitate.kernels.build import load

    if kernels == "native":
        return NativeDecoder(model)
    if kernels == "auto":
        library, _ = load()
        if library is not None and unsupported(model, int(library.cg_lanes())) is None:
            return NativeDecoder(model)
    return TorchDecoder(model)


@dataclass(slots=True)
class _Group:
    """A prompt being sampled: where its keys and values are, and who is still to start."""

    index: int
    prompt: Prompt
    prefix_slot: int
    waiting: deque[int]
    live: int = 0
    prefilled: int = 0
    last_hidden: Tensor | None = None


@dataclass(slots=True)
class _Sample:
    """A completion being decoded in one slot."""

    group: _Group
    sample: int
    slot: int
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class LocalEngine:
    """``RolloutEngine`` on the policy's own weights, in place: nothing is copied or synchronised.

    Args:
        decode: token ids -> text (for stop strings and ``Completion.text``).
        slots: how many completions are decoded at once. It never changes what is sampled with the
            native kernels; with torch it can only through rounding.
        prefill_tokens: prompt tokens processed at most in one forward call.
    """

    def __init__(
        self,
        model: Transformer,
        decode: Callable[[Sequence[int]], str],
        *,
        slots: int = 64,
        prefill_tokens: int = 512,
        kernels: str = "auto",
    ) -> None:
        self.model = model
        self.decode = decode
        self.slots = slots
        self.prefill_tokens = prefill_tokens
        self.decoder = make_decoder(model, kernels)
        self.policy_version = 0
        self._pieces: dict[int, str] = {}

    @property
    def max_length(self) -> int:
        """Tokens of prompt and completion together that the model has positions for."""
        return self.model.config.max_position

    def close(self) -> None:
        """Free the cache."""
        self.decoder = make_decoder(self.model, "torch")

    def generate(
        self,
        prompts: Sequence[Prompt],
        params: SamplingParams,
        *,
        n: int,
        on_finish: OnFinish | None = None,
    ) -> list[list[Completion]]:
        """``n`` completions for each prompt.

        Raises:
            EngineError: a prompt is empty, prompt and completion do not fit the context, or a
                sampling parameter makes no sense.
        """
        self._check(prompts, params, n)
        if not prompts or n == 0:
            return [[] for _ in prompts]
        run = _Generation(self, prompts, params, n, on_finish)
        while run.step():
            pass
        return run.results()

    def _check(self, prompts: Sequence[Prompt], params: SamplingParams, n: int) -> None:
        for name, value, wanted, is_fine in (
            ("max_tokens", params.max_tokens, "at least 1", params.max_tokens >= 1),
            ("temperature", params.temperature, "0 or more", 0.0 <= params.temperature < math.inf),
            ("top_p", params.top_p, "more than 0, at most 1", 0.0 < params.top_p <= 1.0),
            ("top_k", params.top_k, "0 (all) or more", params.top_k >= 0),
            ("n", n, "0 or more", n >= 0),
        ):
            if not is_fine:
                raise EngineError(f"sampling.{name} = {value}: expected {wanted}.")
        limit, vocab = self.max_length, self.model.config.vocab_size
        for number, prompt in enumerate(prompts):
            if not prompt.token_ids:
                raise EngineError(f"prompt {number} has no tokens: expected at least one.")
            if not 0 <= min(prompt.token_ids) <= max(prompt.token_ids) < vocab:
                raise EngineError(
                    f"prompt {number} has token {max(prompt.token_ids)}, but the model knows "
                    f"{vocab} tokens. Its tokenizer is not this model's: use the one saved with it."
                )
            need = len(prompt.token_ids) + params.max_tokens
            if need > limit:
                raise EngineError(
                    f"prompt {number} needs {len(prompt.token_ids)} + {params.max_tokens} "
                    f"positions, but the model has {limit}. Shorten the prompt or lower "
                    "sampling.max_tokens."
                )

    def piece(self, token: int) -> str:
        """The text of one token, remembered."""
        text = self._pieces.get(token)
        if text is None:
            text = self._pieces[token] = self.decode([token])
        return text


class _Generation:
    """One call of ``generate``: the queue, the slots and what has finished."""

    def __init__(
        self,
        engine: LocalEngine,
        prompts: Sequence[Prompt],
        params: SamplingParams,
        n: int,
        on_finish: OnFinish | None,
    ) -> None:
        self.engine, self.params, self.on_finish = engine, params, on_finish
        slots = min(engine.slots, len(prompts) * n)
        # A group holds one more slot for its prompt; more groups than slots are never live.
        self.free = list(range(slots - 1, -1, -1))
        prefix_slots = min(len(prompts), slots + 1)
        self.free_prefix = list(range(slots + prefix_slots - 1, slots - 1, -1))
        longest = max(len(prompt.token_ids) for prompt in prompts)
        engine.decoder.allocate(slots + prefix_slots, max(longest, params.max_tokens))
        self.queue = deque(
            _Group(index=i, prompt=p, prefix_slot=-1, waiting=deque(range(n)))
            for i, p in enumerate(prompts)
        )
        self.groups: list[_Group] = []
        self.live: list[_Sample] = []
        self.done: dict[tuple[int, int], Completion] = {}
        self.shape = (len(prompts), n)
        self.stop_tails = {s[-1] for s in params.stop_strings if s}

    def results(self) -> list[list[Completion]]:
        rows, n = self.shape
        return [[self.done[i, j] for j in range(n)] for i in range(rows)]

    def step(self) -> bool:
        """One forward and one token for every live sample; False when all have finished."""
        prefill = self._admit_prompts()
        lanes = self._lanes(prefill)
        if lanes is None and not any(g.waiting for g in self.groups):
            return False
        decoding = list(self.live)
        columns: list[Tensor] = []
        if lanes is not None:
            hidden = self.engine.decoder.forward(lanes)
            columns.append(hidden[:, : len(decoding)])
            self._note_prefilled(prefill, hidden, len(decoding))
        started = self._start_samples()
        columns += [s.group.last_hidden for s in started if s.group.last_hidden is not None]
        self.live += started
        if self.live:
            self._sample(torch.cat(columns, dim=1))
        return True

    def _admit_prompts(self) -> list[tuple[_Group, int, int]]:
        """Prompt chunks (group, start, end) to compute in this forward, within the budget."""
        budget = self.engine.prefill_tokens
        wanted = len(self.free) - sum(len(g.waiting) for g in self.groups)
        while self.queue and self.free_prefix and wanted > 0:
            group = self.queue.popleft()
            group.prefix_slot = self.free_prefix.pop()
            self.groups.append(group)
            wanted -= len(group.waiting)
        chunks = []
        for group in self.groups:
            size = min(len(group.prompt.token_ids) - group.prefilled, budget)
            if size > 0:
                chunks.append((group, group.prefilled, group.prefilled + size))
                budget -= size
        return chunks

    def _lanes(self, prefill: list[tuple[_Group, int, int]]) -> Lanes | None:
        tokens = [s.tokens[-1] for s in self.live]
        lengths = [len(s.group.prompt.token_ids) for s in self.live]
        positions = [n + len(s.tokens) - 1 for n, s in zip(lengths, self.live, strict=True)]
        slots = [s.slot for s in self.live]
        prefix_slots = [s.group.prefix_slot for s in self.live]
        for group, start, end in prefill:
            count = end - start
            tokens += group.prompt.token_ids[start:end]
            positions += range(start, end)
            slots += [group.prefix_slot] * count
            prefix_slots += [group.prefix_slot] * count
            lengths += [0] * count
        if not tokens:
            return None
        arrays = (tokens, positions, slots, prefix_slots, lengths)
        names = Lanes.__slots__
        return Lanes(**{k: np.array(v, np.int64) for k, v in zip(names, arrays, strict=True)})

    def _note_prefilled(
        self, prefill: list[tuple[_Group, int, int]], hidden: Tensor, offset: int
    ) -> None:
        for group, start, end in prefill:
            offset += end - start
            group.prefilled = end
            if end == len(group.prompt.token_ids):
                group.last_hidden = hidden[:, offset - 1 : offset].clone()

    def _start_samples(self) -> list[_Sample]:
        started = []
        for group in self.groups:
            while group.last_hidden is not None and group.waiting and self.free:
                sample = _Sample(group=group, sample=group.waiting.popleft(), slot=self.free.pop())
                group.live += 1
                started.append(sample)
        return started

    def _sample(self, hidden: Tensor) -> None:
        keys = np.array([s.group.prompt.key for s in self.live], np.uint64)
        samples = np.array([s.sample for s in self.live], np.int64)
        positions = np.array([len(s.tokens) for s in self.live], np.int64)
        draw = uniforms(self.params.seed, keys, samples, positions)
        tokens, logprobs = self.engine.decoder.sample(hidden, draw, self.params)
        if not np.isfinite(logprobs).all():
            raise EngineError(
                f"sampling: {int((~np.isfinite(logprobs)).sum())} of {len(logprobs)} completions "
                "have a log-probability that is not finite, so the model's logits are not numbers. "
                "Its weights have diverged or are damaged: check them with `cogitate model info`, "
                "or resume from an earlier checkpoint with a lower optimizer.learning_rate."
            )
        still = []
        for state, token, logprob in zip(
            self.live, tokens.tolist(), logprobs.tolist(), strict=True
        ):
            state.tokens.append(token)
            state.logprobs.append(logprob)
            finished = self._finished(state, token)
            if finished is None:
                still.append(state)
            else:
                self._retire(state, *finished)
        self.live = still

    def _finished(self, state: _Sample, token: int) -> tuple[FinishReason, str] | None:
        if token in self.params.stop_token_ids:
            return FinishReason.STOP, self.engine.decode(state.tokens[:-1])
        if self.stop_tails and self._may_end(token):
            text = self.engine.decode(state.tokens)
            cuts = [at for s in self.params.stop_strings if s and (at := text.find(s)) >= 0]
            if cuts:
                return FinishReason.STOP, text[: min(cuts)]
        if len(state.tokens) >= self.params.max_tokens:
            return FinishReason.LENGTH, self.engine.decode(state.tokens)
        return None

    def _may_end(self, token: int) -> bool:
        piece = self.engine.piece(token)
        # A token may hold part of a character; the whole text must then be looked at.
        return "\ufffd" in piece or any(tail in piece for tail in self.stop_tails)

    def _retire(self, state: _Sample, reason: FinishReason, text: str) -> None:
        completion = Completion(
            token_ids=tuple(state.tokens),
            logprobs=tuple(state.logprobs),
            text=text,
            finish_reason=reason,
            policy_version=self.engine.policy_version,
        )
        group = state.group
        self.done[group.index, state.sample] = completion
        self.free.append(state.slot)
        group.live -= 1
        if group.live == 0 and not group.waiting:
            self.free_prefix.append(group.prefix_slot)
            self.groups.remove(group)
        if self.on_finish is not None:
            self.on_finish(group.index, state.sample, completion)
