"""Worker for TRL's GRPOTrainer: a real ``trainer.train()`` that waits at every step boundary.

The trainer runs as its users run it; a callback holds it between optimiser steps until the driver
asks for the next one, and takes the time from ``on_step_begin`` to ``on_step_end`` (generation,
rewards, forward, backward, optimiser). Run in TRL's own virtual environment.
"""

import os
import queue
import tempfile
import threading
from typing import Any

import torch
import trl
import workloads
from datasets import Dataset
from protocol import measured, serve
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer


class StepGate(TrainerCallback):
    """Lets one optimiser step through for each token in ``go`` and reports it in ``done``."""

    def __init__(self, device: str) -> None:
        self.go: queue.Queue[bool] = queue.Queue()
        self.done: queue.Queue[dict[str, Any]] = queue.Queue()
        self.device = device
        self.tokens_before = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self.go.get():
            raise KeyboardInterrupt("the driver is done")
        self.tokens_before = state.num_input_tokens_seen
        self.block = measured(self.device)
        self.timing = self.block.__enter__()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.block.__exit__(None, None, None)
        tokens = int(state.num_input_tokens_seen - self.tokens_before)
        self.done.put({**self.timing.result, "tokens": tokens})


class Trl:
    """One trainer; ``setup`` starts it, ``step`` lets one step through."""

    def setup(
        self,
        model: str,
        threads: int,
        device: str,
        dtype: str,
        problems: int,
        group_size: int,
        new_tokens: int,
        micro_batch: int,
        checkpointing: bool,
        learning_rate: float,
    ) -> dict[str, Any]:
        """Start ``trainer.train()`` in a thread; it stops before its first step."""
        if threads:
            torch.set_num_threads(threads)
        self.gate = StepGate(device)
        self.rewards: list[float] = []
        self.problems, self.group_size = problems, group_size
        rollouts = problems * group_size
        config = GRPOConfig(
            output_dir=tempfile.mkdtemp(prefix="bench-trl-"),
            use_cpu=device == "cpu",
            bf16=dtype == "bfloat16",
            model_init_kwargs={"dtype": dtype},
            per_device_train_batch_size=micro_batch,
            gradient_accumulation_steps=rollouts // micro_batch,
            num_generations=group_size,
            max_completion_length=new_tokens,
            gradient_checkpointing=checkpointing,
            learning_rate=learning_rate,
            lr_scheduler_type="constant",
            max_steps=1000,
            beta=0.0,
            num_iterations=1,
            temperature=1.0,
            shuffle_dataset=False,
            logging_steps=1000,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        data = Dataset.from_dict({"prompt": [workloads.prompt(i) for i in range(1000 * problems)]})
        self.trainer = GRPOTrainer(
            model=model,
            reward_funcs=self._reward,
            args=config,
            train_dataset=data,
            processing_class=AutoTokenizer.from_pretrained(model, padding_side="left"),
            callbacks=[self.gate],
        )
        self.thread = threading.Thread(target=self._train, daemon=True)
        self.thread.start()
        return {"version": trl.__version__, "torch": torch.__version__}

    def step(self) -> dict[str, Any]:
        """One GRPO step: wall time, tokens processed (prompts and completions), reward spread."""
        self.gate.go.put(True)
        while True:
            try:
                result = self.gate.done.get(timeout=1.0)
                break
            except queue.Empty:
                if not self.thread.is_alive():
                    raise RuntimeError("trainer.train() ended early; see its log") from None
        values = torch.tensor(self.rewards[-self.problems * self.group_size :])
        spread = values.view(self.problems, self.group_size).std(dim=1)
        return {**result, "informative_groups": int((spread > 0).sum())}

    def _reward(self, completions: list[str], **kwargs: Any) -> list[float]:
        values = [workloads.length_reward(text) for text in completions]
        self.rewards.extend(values)
        return values

    def _train(self) -> None:
        # torch.set_num_threads is per process for intra-op work but OpenMP keeps it per thread.
        if threads := int(os.environ.get("OMP_NUM_THREADS", "0")):
            torch.set_num_threads(threads)
        self.trainer.train()


if __name__ == "__main__":
    worker = Trl()
    serve({"setup": worker.setup, "step": worker.step})
