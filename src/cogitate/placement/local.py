"""Everything in this process: policy and engine share one set of weights, so there is no sync."""

import copy

from cogitate.engines.local import LocalEngine
from cogitate.models.transformer import Transformer
from cogitate.policies.local import LocalPolicy, LocalScorer
from cogitate.protocols import RolloutEngine, Scorer


class LocalPlacement:
    """``Placement`` of plain objects.

    ``reference`` is a frozen copy of the policy's weights, made only when the loss has a KL
    penalty. It has ``save`` and ``load`` of its own, because it may have been refreshed.
    """

    def __init__(self, policy: LocalPolicy, engine: LocalEngine, *, reference: bool) -> None:
        self.policy = policy
        self.engine: RolloutEngine = engine
        self.reference: Scorer | None = None
        self._reference_model: Transformer | None = None
        if reference:
            self._reference_model = copy.deepcopy(policy.model).requires_grad_(False)
            self.reference = LocalScorer(
                self._reference_model,
                temperature=1.0 / policy.head.beta,
                chunk_tokens=policy.head.chunk_tokens,
                micro_batch_tokens=policy.micro_batch_tokens,
            )

    def sync_weights(self) -> int:
        """Tell the engine which version it samples from; the weights are already there."""
        self.engine.policy_version = self.policy.version
        return self.policy.version

    def refresh_reference(self) -> None:
        """The reference becomes the present policy (R1-Zero: every 400 steps)."""
        if self._reference_model is not None:
            self._reference_model.load_state_dict(self.policy.model.state_dict())

    def close(self) -> None:
        """Free the engine's cache."""
        self.engine.close()
