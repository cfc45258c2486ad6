"""Worker for Hugging Face transformers: rollouts with ``generate``, and a plain training step.

Run by the driver in the peer's own virtual environment; see ``protocol.py``.
"""

from typing import Any

import torch
import transformers
import workloads
from protocol import measured, serve
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer


class Transformers:
    """One model in memory; ``setup`` must be called first."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    def setup(
        self, model: str, threads: int, device: str, dtype: str, checkpointing: bool = False
    ) -> dict[str, Any]:
        """Load the model; returns the versions that go into the table."""
        if threads:
            torch.set_num_threads(threads)
        self.device = device
        self.tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype))
        self.model.to(device)
        self.pad_id = self.tokenizer.pad_token_id
        self.eos = self.model.generation_config.eos_token_id
        self.optimizer: torch.optim.Optimizer | None = None
        self.checkpointing = checkpointing
        return {"version": transformers.__version__, "torch": torch.__version__}

    def rollout(
        self, prompts: list[str], group_size: int, new_tokens: int, variant: str
    ) -> dict[str, Any]:
        """Sample ``group_size`` completions of exactly ``new_tokens`` tokens for each prompt.

        Variants: "plain" returns no log-probabilities; "logprobs" keeps each position's logits
        (``output_logits``) and gathers log-softmax, the cheapest exact way; "continuous" is
        ``generate_batch``.
        """
        self.model.eval()
        self.model.generation_config.eos_token_id = None
        run = {"plain": self._generate, "logprobs": self._generate, "continuous": self._continuous}
        # no_grad, not inference_mode: generate_batch samples in a thread of its own.
        with torch.no_grad(), measured(self.device) as timing:
            tokens, logprobs = run[variant](prompts, group_size, new_tokens, variant)
        return {**timing.result, "tokens": tokens, "logprobs": logprobs}

    def _generate(
        self, prompts: list[str], group_size: int, new_tokens: int, variant: str
    ) -> tuple[int, int]:
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True).to(self.device)
        out = self.model.generate(
            **inputs,
            do_sample=True,
            temperature=1.0,
            top_p=1.0,
            top_k=0,
            max_new_tokens=new_tokens,
            num_return_sequences=group_size,
            pad_token_id=self.pad_id,
            output_logits=variant == "logprobs",
            return_dict_in_generate=True,
        )
        new = out.sequences[:, inputs["input_ids"].shape[1] :]
        if variant == "plain":
            return new.numel(), 0
        per_step = [
            torch.log_softmax(logits.float(), dim=-1).gather(1, new[:, i : i + 1])
            for i, logits in enumerate(out.logits)
        ]
        return new.numel(), torch.cat(per_step, dim=1).numel()

    def _continuous(
        self, prompts: list[str], group_size: int, new_tokens: int, variant: str
    ) -> tuple[int, int]:
        ids = [self.tokenizer(text)["input_ids"] for text in prompts for _ in range(group_size)]
        config = transformers.GenerationConfig(
            do_sample=True,
            temperature=1.0,
            top_k=0,
            max_new_tokens=new_tokens,
            eos_token_id=-1,
            pad_token_id=self.pad_id,
        )
        batching = transformers.ContinuousBatchingConfig(return_logprobs=True)
        outputs = self.model.generate_batch(
            ids, generation_config=config, continuous_batching_config=batching, progress_bar=False
        )
        tokens = sum(len(output.generated_tokens) for output in outputs.values())
        return tokens, sum(len(output.logprobs) for output in outputs.values())

    def train(
        self,
        rollouts: int,
        group_size: int,
        completion_tokens: int,
        micro_batch: int,
        ragged: bool,
    ) -> dict[str, Any]:
        """One update on fixed rollouts: forward, GRPO's token-mean surrogate, backward, AdamW.

        Logits only where TRL takes them (``logits_to_keep``); the prompt is repeated in every
        row, as a padded batch must.
        """
        rows = workloads.training_rows(
            rollouts, group_size, completion_tokens, ragged=ragged, vocabulary=49_000
        )
        self._prepare_training()
        assert self.optimizer is not None
        denominator = sum(len(completion) for _, completion in rows)
        with measured(self.device) as timing:
            for start in range(0, rollouts, micro_batch):
                loss = self._loss(rows[start : start + micro_batch], start) / denominator
                loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        tokens = sum(len(prompt) + len(completion) for prompt, completion in rows)
        return {**timing.result, "tokens": tokens}

    def _prepare_training(self) -> None:
        self.model.train()
        if self.optimizer is not None:
            return
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6, fused=True)
        if self.checkpointing:
            self.model.gradient_checkpointing_enable()

    def _loss(self, rows: list[tuple[list[int], list[int]]], start: int) -> Tensor:
        width = max(len(prompt) for prompt, _ in rows)
        keep = max(len(completion) for _, completion in rows)
        ids = torch.full((len(rows), width + keep), self.pad_id)
        attention = torch.zeros_like(ids)
        mask = torch.zeros(len(rows), keep)
        for i, (prompt, completion) in enumerate(rows):
            ids[i, width - len(prompt) : width] = torch.tensor(prompt)
            ids[i, width : width + len(completion)] = torch.tensor(completion)
            attention[i, width - len(prompt) : width + len(completion)] = 1
            mask[i, : len(completion)] = 1.0
        ids, attention, mask = (t.to(self.device) for t in (ids, attention, mask))
        logits = self.model(ids, attention_mask=attention, logits_to_keep=keep + 1).logits[:, :-1]
        targets = ids[:, -keep:].unsqueeze(-1)
        chosen = logits.float().gather(2, targets).squeeze(2) - logits.float().logsumexp(2)
        signs = torch.tensor([1.0 if (start + i) % 2 else -1.0 for i in range(len(rows))])
        ratio = torch.exp(chosen - chosen.detach())
        return -(ratio * signs.to(self.device)[:, None] * mask).sum()


if __name__ == "__main__":
    worker = Transformers()
    serve({"setup": worker.setup, "rollout": worker.rollout, "train": worker.train})
