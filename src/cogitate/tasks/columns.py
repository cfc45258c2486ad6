"""Column styles of the data sets people have, converted to one record.

style                columns                                         from
declared             the columns named in the settings
verl                 prompt (messages), reward_model.ground_truth    verl parquet files
open-instruct        messages, ground_truth (or answer)              open-instruct RLVR
open-r1              problem, answer and/or solution                 open-r1, NuminaMath, MATH
multiple-choice      question, choices, answer (index or letter)     MMLU and its relatives
question-answer      question, answer (GSM8K: "... #### 72")         GSM8K, reasoning-gym
prompt-answer        prompt (text or messages), answer               plain files
trl                  prompt (text or messages), any of solution,     TRL prompt-only
                     ground_truth, label, target, or no gold answer
instruction-output   instruction, output                             Alpaca-like
messages             messages; the last assistant turn is the gold   TRL conversational
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogitate.schema import Message
from cogitate.tasks.answers import (
    OPTION_LETTERS,
    extract_gold,
    is_structured,
    worked_solution,
)

_PROMPT_GOLDS = ("solution", "ground_truth", "label", "target", "final_answer")
_NESTED = ("extra_info", "extra", "metadata", "info")
_DIFFICULTY = ("difficulty", "level")
_ROLES = ("system", "user", "assistant", "tool")


class RowError(ValueError):
    """A row cannot become a problem; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row in the form every style is converted to.

    ``gold`` is the gold answer as text, ``gold_fault`` says why there is none that can be used,
    ``solution`` the worked solution where the row has one.
    """

    style: str
    messages: tuple[Message, ...]
    gold: str | None
    gold_fault: str | None
    solution: str | None
    difficulty: float | None

    @property
    def question(self) -> str:
        """The last user turn."""
        return next(m.content for m in reversed(self.messages) if m.role == "user")


def recognise(columns: Mapping[str, Any]) -> str | None:
    """The style of a row from its columns, or None if it is none of them."""
    has = {name for name, value in columns.items() if value is not None}
    if {"prompt", "reward_model"} <= has:
        return "verl"
    if "messages" in has and has & {"ground_truth", "answer"}:
        return "open-instruct"
    if "problem" in has and has & {"solution", "answer"}:
        return "open-r1"
    if {"question", "choices", "answer"} <= has:
        return "multiple-choice"
    if {"question", "answer"} <= has:
        return "question-answer"
    if "prompt" in has:
        return "prompt-answer" if "answer" in has else "trl"
    if {"instruction", "output"} <= has:
        return "instruction-output"
    return "messages" if "messages" in has else None


def to_record(
    row: Mapping[str, Any], *, question_column: str | None = None, answer_column: str | None = None
) -> Record:
    """A row of any style as a record; named columns win over the recognised ones.

    Raises:
        RowError: no style fits, or the question cannot be used.
    """
    if question_column is not None:
        style, question = "declared", _named(row, question_column)
        gold = _first(row, ("answer", *_PROMPT_GOLDS))
    else:
        style = recognise(row)
        if {"chosen", "rejected"} <= row.keys():
            raise RowError(
                "chosen and rejected are preferences, which train a reward model: "
                "cogitate reward-model train"
            )
        if style is None:
            raise RowError(f"columns {sorted(row)} fit no known style")
        question, gold = _fields(style, row)
    if answer_column is not None:
        gold = _named(row, answer_column)
    elif row.get("verification_info"):  # open-r1's tests of programs
        gold = row["verification_info"]
    messages = _messages(question)
    if style == "messages" and answer_column is None:
        messages, gold = _split_last_answer(messages)
    text, fault = _gold_text(gold)
    return Record(
        style=style,
        messages=messages,
        gold=text if text is None or is_structured(text) else extract_gold(text),
        gold_fault=fault,
        solution=_solution(row, text),
        difficulty=_difficulty(row),
    )


def _named(row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        raise RowError(f'no column "{column}" among {sorted(row)}')
    return row[column]


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _fields(style: str, row: Mapping[str, Any]) -> tuple[Any, Any]:
    """The question and the gold answer as they stand in a row of a recognised style."""
    if style == "verl":
        return row["prompt"], _rule_gold(row["reward_model"])
    if style == "multiple-choice":
        return _choice_question(row), _choice_letter(row["answer"], len(_choices(row)))
    if style == "open-r1":
        return row["problem"], _first(row, ("answer", "solution"))
    if style == "trl":
        return row["prompt"], _first(row, _PROMPT_GOLDS)
    if style == "open-instruct":
        return row["messages"], _first(row, ("ground_truth", "answer"))
    names = {
        "question-answer": ("question", "answer"),
        "prompt-answer": ("prompt", "answer"),
        "instruction-output": ("instruction", "output"),
        "messages": ("messages", None),
    }[style]
    return row[names[0]], row[names[1]] if names[1] else None


def _rule_gold(reward_model: Any) -> Any:
    if isinstance(reward_model, str):
        try:
            reward_model = json.loads(reward_model)
        except (ValueError, RecursionError) as error:
            raise RowError("reward_model is neither an object nor JSON") from error
    if not isinstance(reward_model, Mapping):
        raise RowError("reward_model is not an object")
    return reward_model.get("ground_truth")


def _choices(row: Mapping[str, Any]) -> Sequence[Any]:
    choices = row["choices"]
    if isinstance(choices, Mapping):
        choices = choices.get("text")
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise RowError("choices is not a list")
    if not 2 <= len(choices) <= len(OPTION_LETTERS):
        raise RowError(f"{len(choices)} choices, expected 2 to {len(OPTION_LETTERS)}")
    return choices


def _choice_question(row: Mapping[str, Any]) -> str:
    options = zip(OPTION_LETTERS, _choices(row), strict=False)
    return "\n".join([str(row["question"]), *(f"{letter}. {text}" for letter, text in options)])


def _choice_letter(answer: Any, num_choices: int) -> Any:
    """The letter of an index; a gold answer that names no choice is a fault of the row."""
    letters = OPTION_LETTERS[:num_choices]
    if isinstance(answer, int) and not isinstance(answer, bool):
        if not 0 <= answer < num_choices:
            raise RowError(f"answer {answer} is none of {num_choices} choices, counted from 0")
        return letters[answer]
    letter = answer.strip().upper() if isinstance(answer, str) else ""
    if letter in tuple(OPTION_LETTERS) and letter not in letters:
        raise RowError(f"answer {letter!r} is none of the choices {letters[0]} to {letters[-1]}")
    return answer


def _messages(question: Any) -> tuple[Message, ...]:
    if isinstance(question, str):
        turns = (Message(role="user", content=question),)
    elif isinstance(question, Sequence):
        turns = tuple(_message(turn) for turn in question)
    else:
        raise RowError(f"the question is a {type(question).__name__}, expected text or messages")
    users = [turn for turn in turns if turn.role == "user"]
    if not users or not users[-1].content.strip():
        raise RowError("the question is empty")
    for turn in turns:
        _check_text(turn.content)
    return turns


def _message(turn: Any) -> Message:
    if not isinstance(turn, Mapping):
        raise RowError("a message is not an object with role and content")
    role, content = turn.get("role"), turn.get("content")
    if role not in _ROLES or not isinstance(content, str):
        raise RowError(f"a message has role {role!r}; expected {_ROLES} and content as text")
    return Message(role=role, content=content)


def _split_last_answer(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], str | None]:
    if messages[-1].role != "assistant":
        return messages, None
    return messages[:-1], messages[-1].content


def _check_text(text: str) -> None:
    if "\0" in text:
        raise RowError("the text holds a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowError("the text holds a lone surrogate or bytes that are not UTF-8") from error


def _gold_text(gold: Any) -> tuple[str | None, str | None]:
    """The gold answer as text, or why it is none. (None, None) means: the row has no gold.

    A gold answer with parts (tests of a program, instructions, tool calls) becomes JSON text.
    """
    if isinstance(gold, Sequence) and not isinstance(gold, str) and len(gold) == 1:
        gold = gold[0]
    if isinstance(gold, Mapping | list | tuple):
        try:
            gold = json.dumps(gold, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return None, "it has parts that JSON cannot hold"
    if gold is None or gold != gold:  # a missing cell of a table arrives as NaN
        return None, None
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        return None, f"it is a {type(gold).__name__}, expected text or a number"
    text = repr(gold) if isinstance(gold, float) else str(gold)
    try:
        _check_text(text)
    except RowError as error:
        return None, str(error)
    return text, None


def _solution(row: Mapping[str, Any], gold: str | None) -> str | None:
    """The worked solution: a ``solution`` column, also nested, or GSM8K's text before ``####``."""
    if gold is not None and "####" in gold:
        return worked_solution(gold) or None
    text = _lookup(row, ("solution",))
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        _check_text(text)
    except RowError:
        return None
    return text


def _difficulty(row: Mapping[str, Any]) -> float | None:
    """A number from ``difficulty`` or ``level``; "Level 5" counts as 5."""
    value = _lookup(row, _DIFFICULTY)
    if isinstance(value, str):
        found = re.search(r"\d{1,6}", value)
        return float(found.group()) if found else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e9 else None


def _lookup(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    places = [row, *(row[name] for name in _NESTED if isinstance(row.get(name), Mapping))]
    found = (_first(place, names) for place in places)
    return next((value for value in found if value is not None), None)
