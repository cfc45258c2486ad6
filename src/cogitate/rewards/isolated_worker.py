"""What runs in the process of an isolated reward function. Imports no torch.

One request is one call: the settings of the function with a problem and its completions as JSON.
The function is loaded by the first request and kept.
"""

import random
import sys
from collections.abc import Mapping
from typing import Any

from cogitate.errors import ConfigError
from cogitate.rewards.calling import (
    Caller,
    Failure,
    PlainCompletion,
    PlainMessage,
    PlainProblem,
    Score,
)

_callers: dict[tuple[str, str, bool], Caller] = {}


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of one call as ``{"scores": [number or [cause, reason], ...]}``.

    With ``describe`` it only loads the function and says how it is called.
    """
    key = (request["path"], request["signature"], request["messages"])
    try:
        if key not in _callers:
            path, signature, messages = key
            _callers[key] = Caller(path, signature=signature, messages=messages)  # type: ignore[arg-type]
    except ConfigError as error:
        return {"error": str(error)}
    caller = _callers[key]
    if request.get("describe"):
        return {"signature": caller.signature}
    _seed(request["seed"])
    completions = [
        PlainCompletion(
            text=sent["text"],
            token_ids=tuple(sent["token_ids"]),
            finish_reason=sent["finish_reason"],
            policy_version=sent["policy_version"],
        )
        for sent in request["completions"]
    ]
    scores = caller.scores(_problem(request["problem"]), completions)
    if any(isinstance(score, Failure) and score.cause == "memory" for score in scores):
        raise MemoryError  # what has leaked stays here, so the pool replaces this process
    return {"scores": [_sent(score) for score in scores]}


def _problem(plain: Mapping[str, Any]) -> PlainProblem:
    messages = tuple(PlainMessage(role=role, content=text) for role, text in plain["messages"])
    return PlainProblem(
        id=plain["id"],
        task=plain["task"],
        messages=messages,
        answer=plain["answer"],
        metadata=plain["metadata"],
    )


def _seed(seed: int) -> None:
    """The same draws whichever worker gets the call, and in a resumed run."""
    random.seed(seed)
    for name in ("numpy", "torch"):
        module: Any = sys.modules.get(name)
        if module is not None:
            (module.random.seed if name == "numpy" else module.manual_seed)(seed)


def _sent(score: Score) -> Any:
    return [score.cause, score.reason] if isinstance(score, Failure) else score
