"""What runs in the process of an isolated reward function. Imports no torch.

The function is loaded when the process starts, which has a time limit of its own; one request is
one call: a problem and its completions as JSON.
"""

import json
import os
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

SETTINGS = "COGITATE_REWARD"
"""Environment variable with the settings of the function, as JSON."""


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of one call as ``{"scores": [number or [cause, reason], ...]}``.

    With ``describe`` it only says how the function is called, or why it cannot be loaded.
    """
    if isinstance(_caller, str):
        return {"error": _caller}
    assert _caller is not None, "started without settings"
    if request.get("describe"):
        return {"signature": _caller.signature}
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
    scores = _caller.scores(_problem(request["problem"]), completions)
    if any(isinstance(score, Failure) and score.cause == "memory" for score in scores):
        raise MemoryError  # what has leaked stays here, so the pool replaces this process
    return {"scores": [_sent(score) for score in scores]}


def _load(settings: str) -> Caller | str:
    """The function, or in words why it cannot be used."""
    found = json.loads(settings)
    try:
        return Caller(
            found["path"], signature=found["signature"], messages=found["messages"]
        )  # fmt: skip
    except ConfigError as error:
        return str(error)


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


_caller: Caller | str | None = _load(os.environ[SETTINGS]) if SETTINGS in os.environ else None
