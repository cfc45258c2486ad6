"""When a run gives up by itself: gradients that are not finite, or rewards that nobody can give."""

from collections.abc import Mapping

from cogitate.errors import CogitateError, RewardError
from cogitate.train.resume import LoopState

MAX_SKIPPED_STEPS = 5
"""Steps in a row without a finite gradient before the run gives up."""
MAX_UNVERIFIED_STEPS = 5
"""Steps in a row in which no completion at all could be verified before the run gives up."""


class DivergedError(CogitateError, ArithmeticError):
    """The gradients are not finite, step after step."""


def count_failures(state: LoopState, metrics: Mapping[str, float], *, updates: int) -> None:
    """Count what a step could not do, in ``state``; ``updates`` is how many it has.

    Raises:
        DivergedError: no finite gradient for ``MAX_SKIPPED_STEPS`` steps in a row.
        RewardError: every reward failed for ``MAX_UNVERIFIED_STEPS`` steps in a row.
    """
    skipped = metrics.get("policy/skipped_nonfinite", 0.0)  # a fraction of the step's updates
    state.skipped_updates += round(skipped * updates)
    state.skipped_in_a_row = state.skipped_in_a_row + 1 if skipped >= 1.0 else 0
    if state.skipped_in_a_row >= MAX_SKIPPED_STEPS:
        raise DivergedError(
            f"the gradients of {MAX_SKIPPED_STEPS} steps in a row, up to step {state.step}, "
            "are not finite, so nothing is learnt any more; the weights are those before. "
            'Lower optimizer.learning_rate or set model.dtype = "float32", and start a new run.'
        )
    unverified = metrics.get("reward/verifier_error", 0.0) >= 1.0
    state.unverified_steps += unverified
    state.unverified_in_a_row = state.unverified_in_a_row + 1 if unverified else 0
    if state.unverified_in_a_row >= MAX_UNVERIFIED_STEPS:
        causes = ", ".join(name for name in metrics if name.startswith("masked/"))
        raise RewardError(
            f"no completion of {MAX_UNVERIFIED_STEPS} steps in a row, up to step {state.step}, "
            f"could be verified ({causes}), so nothing is learnt. The reasons are under "
            '"error" in the rollouts of these steps. Mend the reward, then continue with --resume.'
        )
