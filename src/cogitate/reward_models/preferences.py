"""Preference and safety files, in the columns people have, and one bad row never losing the rest.

helpfulness   prompt, chosen, rejected    text, or messages (TRL explicit prompt)
              chosen, rejected            conversations with a common beginning (TRL implicit
                                          prompt), "Human:/Assistant:" transcripts, or texts
safety        prompt, completion, label   also ``response`` for completion and ``is_safe`` or
                                          ``safe`` for label; true, 1 and "safe" mean safe
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cogitate.errors import DataError
from cogitate.schema import Message
from cogitate.tasks.columns import RowError
from cogitate.tasks.hashing import is_held_out
from cogitate.tasks.loading import BadRow, SourceOptions, read_rows
from cogitate.text.think import has_visible_text

T = TypeVar("T")
_ROLES = ("system", "user", "assistant", "tool")
_TURN = re.compile(r"\n\n(Human|Assistant):[ ]?")
_LABELS = {
    "safe": True, "unsafe": False, "true": True, "false": False, "1": True, "0": False,
    "harmless": True, "harmful": False, "yes": True, "no": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Two completions of one conversation; ``chosen`` is the better one. ``number`` is its row."""

    number: int
    messages: tuple[Message, ...]
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A completion that is safe or not."""

    number: int
    messages: tuple[Message, ...]
    completion: str
    safe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRows:
    """Rows of a file and what is wrong with the others; ``repeated`` counts equal rows left out."""

    rows: tuple[Preference, ...] | tuple[Labelled, ...]
    faults: tuple[BadRow, ...]
    repeated: int


def canonical_prompt(messages: Sequence[Message]) -> str:
    """The text that decides on which side of the held-out split all rows of a prompt fall."""
    turns = [[m.role, " ".join(m.content.split())] for m in messages]
    return json.dumps(turns, ensure_ascii=False)


def held_out(row: Preference | Labelled) -> bool:
    """Whether a row belongs to the held-out split: by a hash of its prompt, so never both."""
    return is_held_out(canonical_prompt(row.messages))


def read_preferences(source: Path | str) -> PreferenceRows:
    """The pairs of a file.

    Raises:
        DataError: the file cannot be read, or holds no pair at all.
    """
    return _read(source, to_preference, "prompt, chosen and rejected")


def read_labelled(source: Path | str) -> PreferenceRows:
    """The safety labels of a file.

    Raises:
        DataError: the file cannot be read, or holds no labelled completion at all.
    """
    return _read(source, to_labelled, "prompt, completion and label")


def _read(
    source: Path | str, convert: Callable[[Mapping[str, Any], int], Any], expected: str
) -> PreferenceRows:
    rows: dict[str, Any] = {}
    faults: list[BadRow] = []
    read = 0
    for row in read_rows(str(source), SourceOptions()):
        if isinstance(row, BadRow):
            faults.append(row)
            continue
        try:
            found = convert(row.values, row.number)
        except RowError as error:
            faults.append(BadRow(number=row.number, reason=str(error)))
            continue
        read += 1
        rows.setdefault(_content(found), found)
    if not rows:
        first = f" First: row {faults[0].number}: {faults[0].reason}." if faults else ""
        raise DataError(
            f"{source}: none of {len(faults)} rows can be used.{first} Expected the columns "
            f"{expected}."
        )
    return PreferenceRows(
        rows=tuple(rows.values()), faults=tuple(faults), repeated=read - len(rows)
    )


def _content(row: Preference | Labelled) -> str:
    texts = (
        (row.chosen, row.rejected)
        if isinstance(row, Preference)
        else (row.completion, str(row.safe))
    )
    return json.dumps([canonical_prompt(row.messages), *texts])


# ------------------------------------------------------------------------------------- rows


def to_preference(row: Mapping[str, Any], number: int) -> Preference:
    """One pair of a row.

    Raises:
        RowError: in words, why the row is no pair.
    """
    if row.get("chosen") is None or row.get("rejected") is None:
        raise RowError(f"no chosen and rejected among {sorted(row)}")
    if row.get("prompt") is not None:
        messages = messages_of(row["prompt"])
        chosen, rejected = completion_of(row["chosen"]), completion_of(row["rejected"])
    else:
        messages, chosen, rejected = _implicit(row["chosen"], row["rejected"])
    if chosen == rejected:
        raise RowError("chosen and rejected are equal")
    return Preference(number=number, messages=messages, chosen=chosen, rejected=rejected)


def to_labelled(row: Mapping[str, Any], number: int) -> Labelled:
    """One labelled completion of a row.

    Raises:
        RowError: in words, why the row is none.
    """
    completion = _first(row, ("completion", "response"))
    label = _first(row, ("label", "is_safe", "safe"))
    if row.get("prompt") is None or completion is None or label is None:
        raise RowError(f"no prompt, completion and label among {sorted(row)}")
    return Labelled(
        number=number,
        messages=messages_of(row["prompt"]),
        completion=completion_of(completion),
        safe=safety_label(label),
    )


def safety_label(value: Any) -> bool:
    """Whether a label says "safe".

    >>> safety_label("Unsafe"), safety_label(1)
    (False, True)

    Raises:
        RowError: the label says neither.
    """
    word = str(int(value) if value in (0, 1) else value).strip().lower()
    if word not in _LABELS:
        raise RowError(f"label {str(value)[:40]!r}, expected true or false, 1 or 0, safe or unsafe")
    return _LABELS[word]


def messages_of(value: Any) -> tuple[Message, ...]:
    """A prompt: text (one user turn, or a transcript), or messages.

    Raises:
        RowError: neither, or there is nothing to answer.
    """
    if isinstance(value, str):
        turns = _transcript(value) or (Message(role="user", content=_checked(value)),)
    else:
        turns = _turns(value)
    if not any(turn.role == "user" and has_visible_text(turn.content) for turn in turns):
        raise RowError("the prompt is empty")
    return turns


def completion_of(value: Any) -> str:
    """A completion: text, or one assistant message.

    Raises:
        RowError: neither, or it is empty.
    """
    if not isinstance(value, str):
        turns = _turns(value)
        if len(turns) != 1 or turns[0].role != "assistant":
            raise RowError("a completion is not one assistant message")
        value = turns[0].content
    if not has_visible_text(value):
        raise RowError("a completion is empty")
    return _checked(value)


def _implicit(chosen: Any, rejected: Any) -> tuple[tuple[Message, ...], str, str]:
    """Prompt and completions of two conversations, or of two texts, with a common beginning."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        left, right = _transcript(chosen), _transcript(rejected)
        if left is None or right is None:
            return _common_text(_checked(chosen), _checked(rejected))
    else:
        left, right = _turns(chosen), _turns(rejected)
    if left[:-1] != right[:-1] or not left[:-1]:
        raise RowError("chosen and rejected differ before their last turn, or have only one")
    if left[-1].role != "assistant" or right[-1].role != "assistant":
        raise RowError("the last turn is not by the assistant")
    return left[:-1], completion_of([_as_row(left[-1])]), completion_of([_as_row(right[-1])])


def _common_text(chosen: str, rejected: str) -> tuple[tuple[Message, ...], str, str]:
    """The common beginning of two texts, up to its last blank, is the prompt (as in TRL)."""
    size = min(len(chosen), len(rejected))
    common = next((i for i in range(size) if chosen[i] != rejected[i]), size)
    end = chosen.rfind(" ", 0, common)
    if end <= 0:
        raise RowError("no prompt, and chosen and rejected have no common beginning")
    return messages_of(chosen[:end]), completion_of(chosen[end:]), completion_of(rejected[end:])


def _transcript(text: str) -> tuple[Message, ...] | None:
    r"""Turns of a text in the form ``\n\nHuman: ...\n\nAssistant: ...``, or None."""
    pieces = _TURN.split(text if text.startswith("\n\n") else f"\n\n{text}")
    if len(pieces) < 3 or pieces[0].strip() or pieces[1] != "Human":
        return None
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = [
        Message(role=roles[who], content=_checked(said.strip()))  # type: ignore[arg-type]
        for who, said in zip(pieces[1::2], pieces[2::2], strict=True)
    ]
    # "...\n\nAssistant:" at the end of a prompt only invites the reply.
    return tuple(turns[:-1] if not turns[-1].content else turns)


def _turns(value: Any) -> tuple[Message, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise RowError(f"a {type(value).__name__}, expected text or a list of messages")
    turns: list[Message] = []
    for turn in value:
        role = turn.get("role") if isinstance(turn, Mapping) else None
        content = turn.get("content") if isinstance(turn, Mapping) else None
        if role not in _ROLES or not isinstance(content, str):
            raise RowError(f"a message has role {role!r}; expected {_ROLES} and content as text")
        turns.append(Message(role=role, content=_checked(content)))
    return tuple(turns)


def _as_row(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _checked(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RowError("the text holds a lone surrogate") from error
    return text


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)
