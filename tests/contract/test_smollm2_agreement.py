"""On the real SmolLM2: what the sampler recorded is what the trainer computes, in float32."""

import pytest
import torch

from cogitate.engines.local import LocalEngine
from cogitate.models.fetch import resolve_model
from cogitate.models.weights import load_model
from cogitate.policies.local import LocalScorer
from cogitate.schema import Prompt, SamplingParams
from cogitate.text.tokenizer import Tokenizer
from cogitate.train.batch import collate_rollouts, to_rollout

QUESTIONS = [
    "What is the largest of these numbers: 23, 87, 45, 12, 60?",
    "What is 47 + 38?",
    "Tom has 12 apples and buys 7 more. How many apples does Tom have now?",
]


@pytest.mark.needs_smollm2
@pytest.mark.parametrize("kernels", ["native", "torch"])
@pytest.mark.parametrize("batch", [1, 7, 64])
def test_sampler_and_trainer_agree_with_and_without_prefix_sharing(
    batch: int, kernels: str
) -> None:
    directory = resolve_model("smollm2-135m", offline=True)
    model = load_model(directory).requires_grad_(False)
    tokenizer = Tokenizer.from_directory(directory)
    prompts = []
    for key, question in enumerate(QUESTIONS[: 1 if batch == 1 else 3]):
        text = f"Q: {question}\nA:"
        prompts.append(Prompt(token_ids=tuple(tokenizer.encode(text)), text=text, key=key))
    per_prompt = -(-batch // len(prompts))
    engine = LocalEngine(model, tokenizer.decode, kernels=kernels)
    groups = engine.generate(prompts, SamplingParams(max_tokens=24, seed=1), n=per_prompt)
    rollouts = [
        to_rollout(prompt.text, prompt, completion)
        for prompt, group in zip(prompts, groups, strict=True)
        for completion in group
    ][:batch]
    tokens = collate_rollouts(rollouts, pad_id=tokenizer.pad_id)
    recorded = torch.cat([r.sampling_logprobs[r.completion_mask] for r in rollouts])
    for share in (True, False):
        scorer = LocalScorer(model, share_prefixes=share)
        trained = scorer.logprobs(tokens)[tokens.completion_mask]
        difference = float((trained - recorded).abs().max())
        print(f"batch {batch}, {kernels}, sharing {share}: max |difference| {difference:.1e} nats")
        assert difference < 1e-4
