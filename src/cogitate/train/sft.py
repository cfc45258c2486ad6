"""One SFT step: cross-entropy on completions, through the same forward and backward as GRPO.

Cold start, distillation and the supervised baseline are this step on different examples.
"""

from collections.abc import Sequence

import torch

from cogitate.filesystem import crash_point
from cogitate.metrics import Stopwatch, merge, reduce
from cogitate.protocols import Placement
from cogitate.schema import Metric, StepReport
from cogitate.train.batch import collate
from cogitate.train.losses import CrossEntropyLoss


def sft_step(
    step: int,
    examples: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    placement: Placement,
    pad_id: int,
) -> StepReport:
    """One update on ``examples``, pairs of prompt and completion token ids.

    loss = -mean over completion tokens of log pi(token | prompt, earlier tokens)
    """
    clock, metrics = Stopwatch(), dict[str, Metric]()
    rows = [torch.tensor([*prompt, *completion]) for prompt, completion in examples]
    masks = [
        torch.arange(len(prompt) + len(completion)) >= len(prompt)
        for prompt, completion in examples
    ]
    batch = collate(rows, masks, pad_id=pad_id)
    loss_fn = CrossEntropyLoss()
    with clock("update"):
        denominator = loss_fn.denominator(batch)
        out = placement.policy.forward_backward(batch, loss_fn, denominator=denominator)
        merge(metrics, out.metrics)
        merge(metrics, {"policy/loss": Metric(total=float(out.loss), weight=1.0)})
        crash_point("backward")
        merge(metrics, placement.policy.optim_step())
    crash_point("update")
    completion_tokens = float(batch.completion_mask.sum())
    prompt_tokens = float(batch.attention_mask.sum()) - completion_tokens
    return StepReport(
        step=step,
        policy_version=placement.sync_weights(),
        metrics={
            **reduce(metrics),
            "completion/length_mean": completion_tokens / len(examples),
            "tokens/prompt": prompt_tokens,
            "tokens/completion": completion_tokens,
            "tokens/trained": completion_tokens,
        },
        seconds=clock.seconds,
    )
