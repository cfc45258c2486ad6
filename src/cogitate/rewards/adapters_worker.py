"""What runs in the processes that score with other packages. Imports no torch.

Each function answers one request with ``{"value": ...}``; what it raises is the caller's business.
"""

import asyncio
import importlib
import json
import logging
import os
from collections.abc import Mapping
from typing import Any, cast

from cogitate.rewards.packing import unpack

SETTINGS = "COGITATE_SCORER"
"""Environment variable with what the process is to load, as JSON."""


def score_gym(request: Mapping[str, Any]) -> dict[str, Any]:
    """The mark that a reasoning-gym data set gives an answer, in [0, 1]."""
    entry = unpack(request["entry"]["packed"])
    return {"value": float(_loaded.score_answer(request["answer"], entry))}


def ask_environment(request: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of a ``verifiers`` environment, or the reward that its rubric gives a completion."""
    if "rows" in request:
        return {"value": _loaded.rows(request["rows"], request["limit"])}
    entry = request["entry"]
    return {"value": _loaded.score(entry["split"], entry["row"], request["answer"])}


def _load(settings: str) -> Any:
    """What the requests of this process are about; loading may take its time."""
    found: dict[str, Any] = json.loads(settings)
    if found["target"] == "score_gym":
        gym: Any = importlib.import_module("reasoning_gym")
        return gym.create_dataset(found["dataset"], **found["settings"])
    if found["target"] == "ask_environment":
        return _Environment(found["environment"], found["arguments"])
    raise ValueError(f"unknown target {found['target']}")


class _Environment:
    """An environment of ``verifiers`` 0.1: a data set and a rubric."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        verifiers: Any = importlib.import_module("verifiers")
        if not hasattr(verifiers, "load_environment"):
            version = getattr(verifiers, "__version__", "unknown")
            raise ImportError(
                f"verifiers {version} has no load_environment; install verifiers>=0.1.9,<0.2"
            )
        self._verifiers = verifiers
        self._environment = verifiers.load_environment(name, **arguments)
        multi_turn = getattr(self._environment, "max_turns", 1)
        if multi_turn not in (1, None) or getattr(self._environment, "tools", None):
            raise ValueError(f"{name} needs several turns or tools; only single answers are scored")
        ask: Any = getattr(self._environment.rubric, "_get_group_reward_funcs", None)
        if ask is not None and ask():
            raise ValueError(
                f"{name} compares the rollouts of a group; only single ones are scored"
            )
        self._sets: dict[str, Any] = {}

    def rows(self, split: str, limit: int) -> list[dict[str, Any]]:
        """Messages and gold answers of the first rows."""
        data = self._set(split)
        rows = [data[index] for index in range(min(limit, len(data)))]
        return [
            {"messages": _messages(row["prompt"]), "answer": str(row.get("answer") or "")}
            for row in rows
        ]

    def score(self, split: str, index: int, answer: str) -> float:
        """The rubric's reward for a completion of that row."""
        row = dict(self._set(split)[index])
        if isinstance(row.get("info"), str):
            row["info"] = json.loads(row["info"])
        row.setdefault("info", {})
        row.setdefault("example_id", index)
        state = self._verifiers.State(input=row)
        state["completion"] = self._reply(answer)
        state.update(
            prompt=row["prompt"], task=row.get("task", "default"), trajectory=[], error=None,
            reward=None, metrics=None, timing={"total_ms": 0.0}, is_completed=True,
        )  # fmt: skip
        errors = _Errors()
        loggers = [logging.getLogger(name) for name in _VERIFIERS_LOGGERS]
        loggers.append(self._environment.rubric.logger)
        for logger in loggers:
            logger.addHandler(errors)
        try:
            asyncio.run(self._environment.rubric.score_rollout(state))
        finally:
            for logger in loggers:
                logger.removeHandler(errors)
        if errors.said:  # the rubric turns exceptions into 0; we do not
            raise RuntimeError(errors.said[0])
        return float(state["reward"])

    def _reply(self, answer: str) -> list[Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer}
        kind = getattr(getattr(self._verifiers, "types", None), "AssistantMessage", None)
        return [kind(**message) if kind is not None else message]

    def _set(self, split: str) -> Any:
        if split not in self._sets:
            evaluation = split == "heldout"
            ask = "get_eval_dataset" if evaluation else "get_dataset"
            self._sets[split] = getattr(self._environment, ask)()
        return self._sets[split]


_VERIFIERS_LOGGERS = ("verifiers",)


class _Errors(logging.Handler):
    """Errors that a rubric logs instead of raising them."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.said.append(record.getMessage()[:300])


def _messages(prompt: Any) -> list[list[str]]:
    """(role, text) of each message of a prompt."""
    if isinstance(prompt, str):
        return [["user", prompt]]
    found: list[list[str]] = []
    for message in prompt:
        plain = cast(
            dict[str, Any], message if isinstance(message, Mapping) else vars(message)
        )  # fmt: skip
        if not isinstance(plain["content"], str):
            raise ValueError("a prompt with something other than text")
        found.append([str(plain["role"]), plain["content"]])
    return found


_loaded: Any = _load(os.environ[SETTINGS]) if SETTINGS in os.environ else None
