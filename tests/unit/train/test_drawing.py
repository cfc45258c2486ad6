"""Problems whose prompt does not fit the context are skipped and said, never fatal one by one."""

import logging
from itertools import count, islice

import pytest

from cogitate.errors import DataError
from cogitate.testing import FakeEngine, ToyTask, byte_chat
from cogitate.train.drawing import MAX_TOO_LONG, fits, fitting

CHAT, TASK = byte_chat(), ToyTask()
PROBLEM = TASK.problem("train", 3)
LENGTH = len(CHAT.render_prompt(PROBLEM).token_ids)


class Limited(FakeEngine):
    """An engine with room for ``max_length`` tokens."""

    def __init__(self, max_length: int) -> None:
        super().__init__(CHAT.tokenizer)
        self.max_length = max_length


@pytest.mark.parametrize(("spare", "expected"), [(0, True), (-1, False), (50, True)])
def test_prompt_and_completion_must_fit_together(
    spare: int, expected: bool, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Limited(LENGTH + 8 + spare)
    with caplog.at_level(logging.WARNING):
        assert fits(PROBLEM, chat=CHAT, engine=engine, max_tokens=8) is expected
    assert (PROBLEM.id in caplog.text) is not expected


def test_an_engine_without_a_limit_takes_everything() -> None:
    engine = FakeEngine(CHAT.tokenizer)
    assert fits(PROBLEM, chat=CHAT, engine=engine, max_tokens=10**9)


def test_the_stream_goes_on_behind_what_does_not_fit() -> None:
    numbers = count()
    stream = fitting(lambda: TASK.problem("train", next(numbers)), lambda p: hash(p.id) is not None)
    assert [p.id for p in islice(stream, 3)] == [TASK.problem("train", i).id for i in range(3)]
    numbers = count()
    problems = fitting(
        lambda: TASK.problem("train", next(numbers)), lambda p: p.id != TASK.problem("train", 1).id
    )
    assert next(problems).id == TASK.problem("train", 0).id
    assert next(problems).id == TASK.problem("train", 2).id
    assert next(numbers) == 3  # what was skipped is consumed


def test_a_stream_that_never_fits_is_an_error_with_a_way_out() -> None:
    drawn = count()
    with pytest.raises(DataError, match=r"1000 in a row do not fit.*Lower sampling.max_tokens"):
        next(fitting(lambda: TASK.problem("train", next(drawn)), lambda _: False))
    assert next(drawn) == MAX_TOO_LONG
