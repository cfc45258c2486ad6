"""The verbs: small interfaces behind which everything exchangeable stands.

Structural typing: implementations do not inherit from these classes. Each protocol has one
contract test suite in tests/contract/ that every implementation must pass.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from cogitate.schema import (
    Completion,
    LossOutput,
    Metric,
    Problem,
    Prompt,
    Reward,
    SamplingParams,
    TokenBatch,
)
from cogitate.verdict import Verdict

AdvantageFn = Callable[[Float[Tensor, " G"]], Float[Tensor, " G"]]
BatchT_contra = TypeVar("BatchT_contra", bound=TokenBatch, contravariant=True)


@runtime_checkable
class RewardFn(Protocol):
    """Score all completions of one problem (one call per group, so pairwise, length-relative and
    batched reward models fit without a second interface).

    Must not raise on any model output; None means "could not be verified" (sandbox died, timeout)
    and is not the same as 0.0. Raises RewardError when the *problem* itself cannot be verified.
    """

    def __call__(
        self, problem: Problem, completions: Sequence[Completion]
    ) -> Sequence[float | None]: ...


@runtime_checkable
class Task(Protocol):
    """A family of problems, and the rule that says whether an answer is right.

    ``problem`` is a pure function of its arguments and the task's own settings, so the data
    cursor of a run is one integer. ``verify`` gives a verdict, or simply a score in [0, 1], or None
    when the verifier itself failed; it never raises on model text. It is called from several
    threads if the task has an attribute ``verifies_elsewhere = True``, which says that its verifier
    waits for another process. ``solution`` is a worked (thinking, answer) pair whose answer
    verifies to 1.0: every task verifies its own gold answer.
    """

    name: str

    def size(self, split: str) -> int | None: ...
    def problem(self, split: str, index: int) -> Problem: ...
    def verify(self, problem: Problem, answer: str | None) -> Verdict | float | None: ...
    def solution(self, problem: Problem) -> tuple[str, str]: ...


@runtime_checkable
class RolloutEngine(Protocol):
    """Samples completions. Returns ``len(prompts)`` lists of ``n`` completions, in order.

    ``on_finish(prompt_index, sample_index, completion)`` is called as each one ends, so that
    rewards can be computed beside generation.
    """

    policy_version: int

    def generate(
        self,
        prompts: Sequence[Prompt],
        params: SamplingParams,
        *,
        n: int,
        on_finish: Callable[[int, int, Completion], None] | None = None,
    ) -> list[list[Completion]]: ...
    def close(self) -> None: ...


@runtime_checkable
class Scorer(Protocol):
    """Anything that gives log-probabilities: the policy, the reference, a teacher."""

    def logprobs(self, batch: TokenBatch) -> Float[Tensor, "N L"]: ...


@runtime_checkable
class LossFn(Protocol[BatchT_contra]):
    """Pure: tensors in, scalar out. ``denominator`` is global (all micro-batches, all ranks), and
    the loss is additive over rows given it, so micro-batch size, head chunking and sharding
    cannot change the gradient."""

    def __call__(
        self,
        logprobs: Float[Tensor, "B L"],
        entropy: Float[Tensor, "B L"],
        batch: BatchT_contra,
        *,
        denominator: float,
    ) -> LossOutput: ...

    def denominator(self, batch: BatchT_contra) -> float: ...


@runtime_checkable
class Policy(Scorer, Protocol):
    """Weights that learn. ``forward_backward`` accumulates gradients; ``optim_step`` applies and
    clears them and increments ``version``."""

    version: int

    def forward_backward(
        self, batch: TokenBatch, loss_fn: LossFn[Any], *, denominator: float
    ) -> LossOutput: ...
    def optim_step(self) -> dict[str, Metric]: ...
    def save(self, directory: Path) -> None: ...
    def load(self, directory: Path) -> None: ...


@runtime_checkable
class Placement(Protocol):
    """Where things run. Local: plain objects. Cluster: proxies that satisfy the same protocols."""

    @property
    def policy(self) -> Policy: ...
    @property
    def reference(self) -> Scorer | None: ...
    @property
    def engine(self) -> RolloutEngine: ...
    def sync_weights(self) -> int: ...
    def refresh_reference(self) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class Scoring(Protocol):
    """Turns the completions of one problem into rewards (the rubric).

    ``begin`` is told of every completion as it ends, so that slow verifiers work beside generation;
    ``at_step`` says which step of how many comes next, for parts that count only near the end.
    """

    def at_step(self, step: int, *, last: int) -> None: ...
    def begin(self, problem: Problem, completion: Completion) -> None: ...
    def score(self, problem: Problem, completions: Sequence[Completion]) -> Sequence[Reward]: ...
