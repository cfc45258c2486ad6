"""Streaming gives the same completion as generate, in pieces, also for prompts read in parts."""

import pytest

from cogitate.engines.local import LocalEngine
from cogitate.engines.streaming import stream
from cogitate.errors import EngineError
from cogitate.schema import Completion, Prompt, SamplingParams
from kernel_models import FAMILIES
from tiny_models import random_model


def letters(ids: object) -> str:
    return "".join(chr(97 + i % 26) for i in ids)  # type: ignore[attr-defined]


@pytest.mark.parametrize("length", [1, 5, 20])
def test_pieces_add_up_to_the_completion_of_generate(length: int) -> None:
    model = random_model(FAMILIES["llama"])
    engine = LocalEngine(model, letters, prefill_tokens=4)  # longer prompts are read in parts
    prompt = Prompt(token_ids=tuple(range(length)), text="", key=3)
    params = SamplingParams(max_tokens=9, seed=1)
    *pieces, last = stream(engine, prompt, params)
    assert isinstance(last, Completion)
    assert "".join(str(piece) for piece in pieces) == last.text
    assert len(pieces) >= 2
    assert last == engine.generate([prompt], params, n=1)[0][0]


def test_a_token_that_the_model_does_not_know_is_refused_before_it_is_looked_up() -> None:
    engine = LocalEngine(random_model(FAMILIES["llama"]), letters)
    prompt = Prompt(token_ids=(1, 290), text="", key=0)
    with pytest.raises(EngineError, match="token 290, but the model knows 290 tokens"):
        engine.generate([prompt], SamplingParams(max_tokens=1), n=1)
