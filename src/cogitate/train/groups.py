"""Which rollouts and groups are trained on: verifier failures out, uninformative groups by policy.

A group whose rewards are all equal has zero advantage. That is zero gradient only if there is no
KL penalty, and such a group still belongs to the denominator, so what happens to it is a named
choice of the experiment:

    keep      every group goes through the backward pass
    skip      as keep, but rows of zero advantage stay out of the backward pass wherever that leaves
              the gradient as it is (``backward_rows``); they stay in the denominator
    resample  uninformative groups are dropped and replaced by fresh problems (DAPO eq. 11)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool

from cogitate.protocols import LossFn
from cogitate.schema import FinishReason, Group, Reward, Rollout, RolloutBatch
from cogitate.train.objective import all_equal

UninformativeGroups = Literal["keep", "skip", "resample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionReport:
    """What ``select_groups`` saw and did, in counts of groups or rollouts.

    ``all_wrong`` and ``all_right`` look at correctness, not at the reward: a group can be all wrong
    and still informative through its format reward. ``dropped`` groups had fewer than two valid
    rollouts. ``missing`` is how many more informative groups ``resample`` wants.
    """

    groups: int = 0
    rollouts: int = 0
    verifier_errors: int = 0
    aborted: int = 0
    dropped: int = 0
    uninformative: int = 0
    all_wrong: int = 0
    all_right: int = 0
    kept: int = 0
    missing: int = 0

    def metrics(self) -> dict[str, float]:
        """Fractions of the groups seen, and of the rollouts for errors of the verifier."""
        groups, rollouts = max(self.groups, 1), max(self.rollouts, 1)
        return {
            "group/uninformative_fraction": self.uninformative / groups,
            "group/all_wrong_fraction": self.all_wrong / groups,
            "group/all_right_fraction": self.all_right / groups,
            "group/dropped_fraction": self.dropped / groups,
            "reward/verifier_error": self.verifier_errors / rollouts,
        }


def select_groups(
    groups: Sequence[Group],
    policy: UninformativeGroups,
    *,
    wanted: int | None = None,
) -> tuple[tuple[Group, ...], SelectionReport]:
    """Groups that make up the update, in order, without invalid rollouts, and what was left out.

    A rollout is invalid if its verifier failed or its engine gave up; it leaves before any group
    mean is taken, because an unverified answer is not a wrong one. A group is left out entirely if
    fewer than two rollouts remain.

    Under ``resample``, give all groups drawn in this step so far: informative ones are kept, at
    most ``wanted`` of them (default: as many as were given), and ``report.missing`` says how many
    are still to be found. Paper: DAPO (arXiv:2503.14476) eq. 11, dynamic sampling.
    """
    valid: list[Group] = []
    informative: list[Group] = []
    errors = aborted = all_wrong = all_right = 0
    for group in groups:
        errors += sum(_verifier_failed(reward) for reward in group.rewards)
        aborted += sum(_gave_up(rollout) for rollout in group.rollouts)
        remaining = _without_invalid(group)
        if len(remaining.rollouts) < 2:
            continue
        valid.append(remaining)
        correct = [_is_right(reward) for reward in remaining.rewards]
        all_right += all(correct)
        all_wrong += not any(correct)
        if not all_equal(remaining.reward_values()):
            informative.append(remaining)

    kept, missing = valid, 0
    if policy == "resample":
        wanted = len(groups) if wanted is None else wanted
        kept = informative[:wanted]
        missing = wanted - len(kept)
    report = SelectionReport(
        groups=len(groups),
        rollouts=sum(len(group.rollouts) for group in groups),
        verifier_errors=errors,
        aborted=aborted,
        dropped=len(groups) - len(valid),
        uninformative=len(valid) - len(informative),
        all_wrong=all_wrong,
        all_right=all_right,
        kept=len(kept),
        missing=missing,
    )
    return tuple(kept), report


def backward_rows(
    batch: RolloutBatch, loss: LossFn[RolloutBatch], policy: UninformativeGroups
) -> Bool[torch.Tensor, " N"]:
    """Rows that need the backward pass; the denominator is always that of the whole batch.

    Under ``skip``, rows whose advantages are all zero are left out, which changes no gradient: a
    loss says through ``zero_advantage_is_idle`` that such a row has none. A loss that does not say
    so, and every loss with a KL penalty, gets all rows. Metrics then cover the rows that went
    through.
    """
    rows = batch.completion_mask.any(dim=1)
    if policy != "skip" or not getattr(loss, "zero_advantage_is_idle", False):
        return rows
    return rows & ((batch.advantages != 0.0) & batch.completion_mask).any(dim=1)


def _verifier_failed(reward: Reward) -> bool:
    return reward.error is not None or not math.isfinite(reward.value)


def _gave_up(rollout: Rollout) -> bool:
    return rollout.completion.finish_reason is FinishReason.ABORT


def _without_invalid(group: Group) -> Group:
    pairs = [
        (rollout, reward)
        for rollout, reward in zip(group.rollouts, group.rewards, strict=True)
        if not _verifier_failed(reward) and not _gave_up(rollout)
    ]
    return replace(
        group,
        rollouts=tuple(rollout for rollout, _ in pairs),
        rewards=tuple(reward for _, reward in pairs),
    )


def _is_right(reward: Reward) -> bool:
    # Without an accuracy part (a custom reward alone) the best guess is the sign of the reward.
    accuracy = reward.parts.get("accuracy")
    return reward.value > 0.0 if accuracy is None else accuracy >= 1.0
