"""Which problems of a stream can be asked at all: prompt and completion must have positions."""

import logging
from collections.abc import Callable, Iterator

from cogitate.errors import DataError
from cogitate.protocols import RolloutEngine
from cogitate.schema import Problem
from cogitate.text.chat import Chat

logger = logging.getLogger(__name__)

MAX_TOO_LONG = 1000
"""Problems in a row that may be skipped before the data set is called unusable."""


def fits(problem: Problem, *, chat: Chat, engine: RolloutEngine, max_tokens: int) -> bool:
    """Whether the engine can continue the problem's prompt by ``max_tokens`` tokens.

    An engine without ``max_length`` takes everything. A problem that does not fit is logged.
    """
    limit: int | None = getattr(engine, "max_length", None)
    if limit is None:
        return True
    length = len(chat.render_prompt(problem).token_ids)
    if length + max_tokens > limit:
        logger.warning(
            "%s is skipped: its prompt has %d tokens, with sampling.max_tokens = %d the model has "
            "room for %d", problem.id, length, max_tokens, limit - max_tokens,
        )  # fmt: skip
        return False
    return True


def fitting(
    source: Callable[[], Problem], is_fitting: Callable[[Problem], bool]
) -> Iterator[Problem]:
    """The problems of an endless source that fit.

    Raises:
        DataError: ``MAX_TOO_LONG`` problems in a row do not fit.
    """
    skipped = 0
    while skipped < MAX_TOO_LONG:
        problem = source()
        if is_fitting(problem):
            skipped = 0
            yield problem
        else:
            skipped += 1
    raise DataError(
        f"drawing training problems: {MAX_TOO_LONG} in a row do not fit the model's context. "
        "Lower sampling.max_tokens, or take shorter problems."
    )
