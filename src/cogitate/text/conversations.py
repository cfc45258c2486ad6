"""Worked solutions and recorded conversations as token sequences to imitate.

An example is one sequence with a mask that is True on what the model should learn to write: its
completion, the end token (or the stop text of the template) included, and never the prompt.

What is trained is what sampling will meet: every assistant turn is encoded behind the prompt that
the template renders for it. Turns share one sequence when their prompts extend each other token
for token; where the template rewrites history (dropping old thinking, say), each turn becomes an
example of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from cogitate.errors import DataError
from cogitate.protocols import Task
from cogitate.schema import Message, Problem
from cogitate.text.chat import Chat

Overflow = Literal["drop", "cut", "error"]
TrainOn = Literal["all", "last"]
_ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One sequence for supervised training. ``completion_mask`` (L,) marks the tokens to learn.

    ``cut`` says that the end was cut off at the length limit.
    """

    id: str
    token_ids: tuple[int, ...]
    completion_mask: tuple[bool, ...]
    cut: bool = False

    @property
    def num_completion_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(self.completion_mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSet:
    """Examples of at most the allowed length, and what happened to the others."""

    examples: tuple[Example, ...]
    num_dropped: int = 0
    num_cut: int = 0


def solution_example(chat: Chat, task: Task, problem: Problem) -> Example:
    """The task's worked solution of a problem, as an example."""
    think, answer = task.solution(problem)
    prompt_ids, completion_ids = chat.render_solution(problem, think, answer)
    return _example(problem.id, [(prompt_ids, completion_ids)])


def pair_example(
    chat: Chat, messages: Sequence[Message], completion: str, *, example_id: str
) -> Example:
    """A prompt (messages) with the text that should follow it."""
    return _example(example_id, [_turn(chat, messages, completion, example_id)])


def conversation_examples(
    chat: Chat, messages: Sequence[Message], *, example_id: str, train_on: TrainOn = "all"
) -> tuple[Example, ...]:
    """A conversation as examples; loss on all assistant turns, or on the last one only.

    Raises:
        DataError: the conversation has no assistant turn.
    """
    spots = [i for i, m in enumerate(messages) if m.role == "assistant"]
    if not spots:
        raise DataError(
            f"{example_id}: a conversation of {len(messages)} messages without an assistant turn "
            "has nothing to learn. Expected at least one message with role 'assistant'."
        )
    runs: list[list[tuple[tuple[int, ...], tuple[int, ...]]]] = []
    for spot in spots if train_on == "all" else spots[-1:]:
        turn = _turn(chat, messages[:spot], messages[spot].content, example_id)
        so_far = sum(runs[-1][-1], ()) if runs else None
        if so_far is not None and turn[0][: len(so_far)] == so_far:
            runs[-1].append(turn)
        else:
            runs.append([turn])
    if len(runs) == 1:
        return (_example(example_id, runs[0]),)
    return tuple(_example(f"{example_id}#{n}", run) for n, run in enumerate(runs))


def row_examples(
    chat: Chat, row: Mapping[str, Any], *, example_id: str, train_on: TrainOn = "all"
) -> tuple[Example, ...]:
    """A row of a data file as examples.

    Columns: ``messages`` (a list of {"role", "content"}), or ``prompt`` and ``completion``, each
    of them text or a list of messages.

    Raises:
        DataError: the row has neither form.
    """
    if row.get("messages") is not None:
        return conversation_examples(
            chat,
            _messages(row["messages"], example_id),
            example_id=example_id,
            train_on=train_on,
        )
    if row.get("prompt") is None or row.get("completion") is None:
        raise DataError(
            f"{example_id}: columns {sorted(row)}. Expected 'messages', or 'prompt' and "
            "'completion'. Rename the columns of the file."
        )
    prompt = _messages(row["prompt"], example_id, role="user")
    completion = _messages(row["completion"], example_id, role="assistant")
    if len(completion) == 1:
        return (pair_example(chat, prompt, completion[0].content, example_id=example_id),)
    return conversation_examples(
        chat, [*prompt, *completion], example_id=example_id, train_on=train_on
    )


def fit_examples(
    examples: Iterable[Example], *, max_tokens: int, overflow: Overflow = "drop"
) -> ExampleSet:
    """Examples of at most ``max_tokens`` tokens, prompt included.

    drop   leave longer ones out: a solution without its end teaches never to end
    cut    keep their first ``max_tokens`` tokens, if any of those is to be learned
    error  refuse

    Raises:
        DataError: ``overflow="error"`` and an example is longer.
    """
    kept: list[Example] = []
    num_dropped = num_cut = 0
    for example in examples:
        length = len(example.token_ids)
        if length <= max_tokens:
            kept.append(example)
        elif overflow == "error":
            raise DataError(
                f"example {example.id}: {length} tokens, more than the limit of {max_tokens}. "
                "Raise the limit, shorten the data, or set overflow to 'drop' or 'cut'."
            )
        elif overflow == "cut" and any(example.completion_mask[:max_tokens]):
            num_cut += 1
            kept.append(
                Example(
                    id=example.id,
                    token_ids=example.token_ids[:max_tokens],
                    completion_mask=example.completion_mask[:max_tokens],
                    cut=True,
                )
            )
        else:
            num_dropped += 1
    return ExampleSet(examples=tuple(kept), num_dropped=num_dropped, num_cut=num_cut)


def _turn(
    chat: Chat, history: Sequence[Message], reply: str, example_id: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(prompt ids, completion ids) of one assistant turn."""
    problem = Problem(id=example_id, task="", messages=tuple(history), answer=None)
    completion = chat.template.format_reply(reply)
    return chat.render_prompt(problem).token_ids, chat.completion_ids(completion)


def _example(example_id: str, turns: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> Example:
    """One sequence from turns of which each prompt extends everything before it."""
    token_ids: tuple[int, ...] = ()
    mask: tuple[bool, ...] = ()
    for prompt_ids, completion_ids in turns:
        token_ids = (*prompt_ids, *completion_ids)
        mask += (False,) * (len(prompt_ids) - len(mask)) + (True,) * len(completion_ids)
    return Example(id=example_id, token_ids=token_ids, completion_mask=mask)


def _messages(value: object, example_id: str, role: str | None = None) -> list[Message]:
    """Messages from a column: text (given a role for it) or a list of {"role", "content"}."""
    if isinstance(value, str) and role is not None:
        value = [{"role": role, "content": value}]
    messages: list[Message] = []
    entries = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    for entry in entries:
        fields = dict(entry) if isinstance(entry, Mapping) else {}
        if not isinstance(fields.get("content"), str) or fields.get("role") not in _ROLES:
            raise DataError(
                f"{example_id}: {str(entry)[:120]!r} is not a message. Expected a mapping with "
                f"'role' (one of {', '.join(_ROLES)}) and text 'content'."
            )
        messages.append(Message(role=cast(Any, fields["role"]), content=fields["content"]))
    return messages
