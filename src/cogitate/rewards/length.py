"""Rewards for how long a completion is. Lengths are completion tokens, the end token included."""

import math
from collections.abc import Sequence

from cogitate.rewards.config import CosineLengthConfig
from cogitate.text.repetition import repeated_share


def overlong_penalty(num_tokens: int, *, max_tokens: int, cache: int) -> float:
    """A punishment in [-1, 0] that grows over the last ``cache`` tokens before the limit.

    R(y) = 0                                      |y| <= L_max - L_cache
           ((L_max - L_cache) - |y|) / L_cache    up to L_max
           -1                                     beyond

    Paper: DAPO (arXiv:2503.14476v1) eq. 13.

    >>> [overlong_penalty(n, max_tokens=20480, cache=4096) for n in (16384, 18432, 20480, 20481)]
    [0.0, -0.5, -1.0, -1.0]
    """
    free = max_tokens - cache
    if num_tokens <= free:
        return 0.0
    return max(-1.0, (free - num_tokens) / cache)


def cosine_reward(num_tokens: int, *, correct: bool, config: CosineLengthConfig) -> float:
    """Between the *_short value at length 0 and the *_long value at ``max_tokens``.

    r = long + (short - long) (1 + cos(pi min(|y|, L) / L)) / 2

    Paper: the CosFn of arXiv:2502.03373. Beyond L the paper gives a separate penalty; we stay at
    "long" and leave that to the overlong part.
    """
    short, long = (
        (config.correct_short, config.correct_long)
        if correct
        else (config.wrong_short, config.wrong_long)
    )
    angle = math.pi * min(num_tokens, config.max_tokens) / config.max_tokens
    return long + (short - long) * (1.0 + math.cos(angle)) / 2.0


def token_cost(num_tokens: int, *, cost: float) -> float:
    """-cost for every token."""
    return -cost * num_tokens


def relative_rewards(lengths: Sequence[int], correct: Sequence[bool]) -> list[float]:
    """Length against the others of the group: +0.5 for the shortest, -0.5 for the longest.

    lambda_i = 0.5 - (len_i - min) / (max - min);  wrong answers get min(0, lambda_i)

    Paper: Kimi k1.5 (arXiv:2501.12599) section 2.3.3. All 0 when all are equally long.

    >>> relative_rewards([10, 20, 30], [True, True, False])
    [0.5, 0.0, -0.5]
    """
    shortest, longest = min(lengths, default=0), max(lengths, default=0)
    if shortest == longest:
        return [0.0] * len(lengths)
    ranks = [0.5 - (length - shortest) / (longest - shortest) for length in lengths]
    return [rank if right else min(0.0, rank) for rank, right in zip(ranks, correct, strict=True)]


def repetition_penalty(token_ids: Sequence[int], *, ngram: int) -> float:
    """Minus the share of n-grams that repeat an earlier one, in (-1, 0].

    r = -(1 - distinct n-grams / n-grams); 0 for fewer than ``ngram`` tokens

    As TRL's ``get_repetition_penalty_reward`` with ``max_penalty=-1``, on tokens, not words.

    >>> repetition_penalty([5, 5, 5, 5, 5], ngram=2), repetition_penalty([1, 2, 3, 4], ngram=2)
    (-0.75, 0.0)
    """
    return 0.0 - repeated_share(token_ids, ngram)  # no -0.0
