"""Supervised examples from a file: what a cold start, distillation or rejection sampling imitates.

columns                       prompt                        completion
prompt_ids, completion_ids    those tokens                  those tokens (rollout files of a run)
prompt, completion            the template with the prompt  the text as it is, and the end token
                              (text or messages)            (text, or one assistant message)
messages                      all turns but the last        the last turn, by the assistant
question and worked solution  the template                  the template's own layout of thinking
(any style of a data task)                                  (the solution) and answer

Loss is on the completion alone. Rows that fit no line are skipped and counted.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cogitate.errors import DataError
from cogitate.schema import Message, Problem
from cogitate.tasks.columns import RowError, to_record
from cogitate.tasks.hashing import hash64, permute
from cogitate.tasks.loading import BadRow, SourceOptions, read_rows
from cogitate.text.chat import Chat

Example = tuple[Sequence[int], Sequence[int]]
"""(prompt_ids, completion_ids)."""

_logger = logging.getLogger(__name__)


def file_examples(source: Path | str, chat: Chat, *, seed: int = 0) -> Callable[[int], Example]:
    """The examples of a file, shuffled anew in every pass by a hash of (seed, pass).

    Raises:
        DataError: the file cannot be read, or no row of it can be used.
        MissingExtra: its format needs a package that is not installed.
    """
    examples, faults = read_examples(source, chat)
    if not examples:
        first = f" First: row {faults[0].number}: {faults[0].reason}." if faults else ""
        raise DataError(
            f"{source}: none of {len(faults)} rows is a supervised example.{first} Expected the "
            "columns prompt and completion, messages, or a question with a worked solution."
        )
    if faults:
        _logger.warning(
            "%s: skipped %d of %d rows, first row %d: %s",
            source, len(faults), len(faults) + len(examples), faults[0].number, faults[0].reason,
        )  # fmt: skip

    def example(index: int) -> Example:
        passed, position = divmod(index, len(examples))
        return examples[permute(position, len(examples), hash64("examples", seed, passed))]

    return example


def read_examples(source: Path | str, chat: Chat) -> tuple[list[Example], list[BadRow]]:
    """The examples of a file in its order, and the rows that are none."""
    examples: list[Example] = []
    faults: list[BadRow] = []
    for row in read_rows(str(source), SourceOptions()):
        if isinstance(row, BadRow):
            faults.append(row)
            continue
        try:
            examples.append(to_example(row.values, row.number, chat))
        except (RowError, DataError) as error:
            faults.append(BadRow(number=row.number, reason=str(error)))
    return examples, faults


def to_example(row: Mapping[str, Any], number: int, chat: Chat) -> Example:
    """Prompt and completion token ids of one row.

    Raises:
        RowError: the row is of no known style, or its completion is empty.
    """
    if "/heldout/" in str(row.get("problem_id", "")):
        raise RowError("the problem is held out: training on it would spoil the evaluation")
    if "prompt_ids" in row and "completion_ids" in row:
        example: Example = (_token_ids(row["prompt_ids"]), _token_ids(row["completion_ids"]))
    elif "completion" in row and "prompt" in row:
        completion = _completion_text(row["completion"])
        example = _written(_messages(row["prompt"]), completion, number, chat)
    elif "messages" in row and "answer" not in row and "ground_truth" not in row:
        *turns, last = _messages(row["messages"])
        if last.role != "assistant":
            raise RowError("the last message is not by the assistant")
        example = _written(turns, last.content, number, chat)
    else:
        example = _solved(row, number, chat)
    if not example[0] or not example[1]:
        raise RowError("prompt or completion is empty")
    return example


def _written(turns: Sequence[Message], text: str, number: int, chat: Chat) -> Example:
    if not text.strip():
        raise RowError("the completion is empty")
    if not any(turn.role == "user" for turn in turns):
        raise RowError("no user turn before the completion")
    prompt = chat.render_prompt(_problem(turns, None, number))
    return prompt.token_ids, chat.completion_ids(text)


def _solved(row: Mapping[str, Any], number: int, chat: Chat) -> Example:
    record = to_record(row)
    if record.gold is None:
        raise RowError(record.gold_fault or "no answer")
    problem = _problem(record.messages, record.gold, number)
    return chat.render_solution(problem, record.solution or "", record.gold)


def _problem(turns: Sequence[Message], answer: str | None, number: int) -> Problem:
    return Problem(
        id=f"examples/train/{number:05d}", task="examples", messages=tuple(turns), answer=answer
    )


def _messages(value: Any) -> list[Message]:
    if isinstance(value, str):
        return [Message(role="user", content=value)]
    if not isinstance(value, Sequence) or not value:
        raise RowError("neither text nor a list of messages")
    messages = []
    for turn in value:
        role = turn.get("role") if isinstance(turn, Mapping) else None
        if role not in ("system", "user", "assistant", "tool"):
            raise RowError(f"a message has the role {role!r}")
        messages.append(Message(role=role, content=str(turn.get("content") or "")))
    return messages


def _completion_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    messages = _messages(value)
    if len(messages) != 1 or messages[0].role != "assistant":
        raise RowError("completion is not one assistant message")
    return messages[0].content


def _token_ids(value: Any) -> tuple[int, ...]:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or not all(isinstance(token, int) and token >= 0 for token in value):
        raise RowError("token ids are not a list of whole numbers")
    return tuple(value)
