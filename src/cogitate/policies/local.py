"""The policy in this process: forward and backward on packed micro-batches, AdamW, saving."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from cogitate.errors import CheckpointError
from cogitate.kernels.ops import gradients_in_place
from cogitate.metrics import merge
from cogitate.models.packing import microbatches, on_device, pack
from cogitate.models.transformer import Transformer
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.head import Head, head_input
from cogitate.protocols import LossFn
from cogitate.schema import LossOutput, Metric, TokenBatch


class LocalScorer:
    """Log-probabilities of completions under frozen weights: the reference, or a teacher."""

    def __init__(
        self, model: Transformer, *, temperature: float = 1.0, chunk_tokens: int = 512,
        micro_batch_tokens: int = 1024, share_prefixes: bool = True,
    ) -> None:  # fmt: skip
        self.model = model
        self.micro_batch_tokens = micro_batch_tokens
        self.share_prefixes = share_prefixes
        self.head = Head(model.head_weight, temperature=temperature, chunk_tokens=chunk_tokens)

    @torch.no_grad()
    def logprobs(self, batch: TokenBatch) -> Float[Tensor, "N L"]:
        """Token-aligned log-probs in nats at the sampling temperature, 0.0 off the mask."""
        rows = []
        for micro in self._microbatches(batch):
            layout = pack(micro, share_prefixes=self.share_prefixes)
            tokens = head_input(micro, layout)
            hidden = self.model.hidden(layout.to(self.model.device))
            values, _ = self.head.logprobs(hidden, tokens.to(hidden.device))
            mask = micro.completion_mask.clone()
            mask[:, 0] = False
            grid = torch.zeros(len(mask), batch.token_ids.shape[1])
            grid[:, : mask.shape[1]].masked_scatter_(mask, values.cpu())
            rows.append(grid)
        return torch.cat(rows)

    def _microbatches(self, batch: TokenBatch) -> Iterator[TokenBatch]:
        sharing = self.share_prefixes
        return microbatches(batch, max_tokens=self.micro_batch_tokens, share_prefixes=sharing)

    def save(self, directory: Path) -> None:
        """model.safetensors, under our own parameter names."""
        directory.mkdir(parents=True, exist_ok=True)
        weights = {n: p.detach().contiguous() for n, p in self.saved_weights().items()}
        save_file(weights, directory / "model.safetensors")

    def saved_weights(self) -> Mapping[str, Tensor]:
        """What ``save`` writes and ``load`` expects: all parameters."""
        return dict(self.model.named_parameters())

    def load(self, directory: Path) -> None:
        """Restore the weights bit for bit.

        Raises:
            CheckpointError: the checkpoint's tensors are not those of this model.
        """
        weights = load_file(directory / "model.safetensors")
        own = self.saved_weights()
        wrong = sorted(set(weights) ^ set(own)) or [
            name for name, tensor in weights.items() if tensor.shape != own[name].shape
        ]
        if wrong:
            raise CheckpointError(
                f"loading {directory}: its tensors are not those of this model, first "
                f"{', '.join(wrong[:3])}. Resume with the model the run was started with."
            )
        with torch.no_grad():
            for name, tensor in weights.items():
                own[name].copy_(tensor)


class LocalPolicy(LocalScorer):
    """``Policy`` on one device.

    Gradients accumulate in buffers that stay allocated, so an update without a gradient is AdamW
    with gradient zero. ``total_updates`` is what the learning rate schedule counts to.
    """

    def __init__(
        self, model: Transformer, optimizer: OptimizerConfig, *, total_updates: int,
        train_embedding: bool = True, temperature: float = 1.0, chunk_tokens: int = 512,
        micro_batch_tokens: int = 1024, share_prefixes: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            model, temperature=temperature, chunk_tokens=chunk_tokens,
            micro_batch_tokens=micro_batch_tokens, share_prefixes=share_prefixes,
        )  # fmt: skip
        self.version = 0
        self.settings = optimizer
        self.total_updates = total_updates
        model.embedding.weight.requires_grad_(train_embedding)
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(
            _decay_groups(self.parameters, optimizer.weight_decay),
            lr=optimizer.learning_rate,
            betas=optimizer.betas,
            eps=optimizer.eps,
            fused=True,
        )

    def forward_backward(
        self, batch: TokenBatch, loss_fn: LossFn, *, denominator: float
    ) -> LossOutput:
        """Loss of some rows; its gradient adds to what has accumulated since the last update."""
        metrics: dict[str, Metric] = {}
        loss = torch.zeros(())
        for micro in self._microbatches(batch):
            layout = pack(micro, share_prefixes=self.share_prefixes)
            tokens = head_input(micro, layout).to(self.model.device)
            hidden = self.model.hidden(layout.to(self.model.device))
            micro = on_device(micro, hidden.device)
            d_hidden, outputs = self.head.backward(
                hidden.detach(), tokens, micro, loss_fn, denominator=denominator
            )
            if tokens.starts[-1]:
                with gradients_in_place():
                    hidden.backward(d_hidden.to(hidden.dtype))
            for out in outputs:
                loss += out.loss.cpu()
                merge(metrics, out.metrics)
        return LossOutput(loss=loss, metrics=metrics)

    def optim_step(self) -> dict[str, Metric]:
        """Clip, update, clear. A gradient that is not finite changes nothing and is counted."""
        grads = []
        for parameter in self.parameters.values():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            grads.append(parameter.grad)
        norm = torch.nn.utils.get_total_norm(grads)
        finite = bool(torch.isfinite(norm))
        rate = self.settings.learning_rate_at(self.version + 1, self.total_updates)
        if finite:
            limit = self.settings.max_grad_norm
            if limit and norm > limit:
                torch._foreach_mul_(grads, float(limit / norm))  # pyright: ignore[reportPrivateImportUsage]
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
            self.version += 1
        torch._foreach_zero_(grads)  # pyright: ignore[reportPrivateImportUsage]
        metrics = {
            "policy/learning_rate": Metric(total=rate, weight=1.0),
            "policy/skipped_nonfinite": Metric(total=float(not finite), weight=1.0),
        }
        if finite:
            metrics["policy/grad_norm"] = Metric(total=float(norm), weight=1.0)
        return metrics

    def save(self, directory: Path) -> None:
        """model.safetensors, optimizer.safetensors and state.json: all that ``load`` needs."""
        super().save(directory)
        moments, counts = {}, {}
        for name, parameter in self.parameters.items():
            state = self.optimizer.state.get(parameter)
            if state:
                counts[name] = float(state["step"])
                moments[f"{name}.exp_avg"] = state["exp_avg"]
                moments[f"{name}.exp_avg_sq"] = state["exp_avg_sq"]
        save_file(moments, directory / "optimizer.safetensors")
        state = {"version": self.version, "optimizer_steps": counts}
        (directory / "state.json").write_text(json.dumps(state, sort_keys=True))

    def load(self, directory: Path) -> None:
        """Restore weights, moments and version bit for bit."""
        super().load(directory)
        state = json.loads((directory / "state.json").read_text())
        moments = load_file(directory / "optimizer.safetensors")
        self.optimizer.state.clear()
        for name, count in state["optimizer_steps"].items():
            parameter = self.parameters[name]
            self.optimizer.state[parameter] = {
                "step": torch.tensor(count, dtype=torch.float32, device=parameter.device),
                "exp_avg": moments[f"{name}.exp_avg"].to(parameter.device).clone(),
                "exp_avg_sq": moments[f"{name}.exp_avg_sq"].to(parameter.device).clone(),
            }
        self.version = int(state["version"])


def _decay_groups(parameters: Mapping[str, Tensor], weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay, norms and biases do not."""
    matrices = [p for p in parameters.values() if p.dim() >= 2]
    vectors = [p for p in parameters.values() if p.dim() < 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
