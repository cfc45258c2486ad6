"""Problems to prompts and completions to answers: a tokenizer and a template together.

Nobody's text becomes a control token. Before a template renders, every control string inside a
message is replaced by a placeholder; after rendering, the placeholders mark the stretches that
are encoded as plain text. Ordinary prompts have none, and are encoded in one piece.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from cogitate.errors import DataError
from cogitate.schema import Completion, FinishReason, Message, Problem, Prompt
from cogitate.text.templates import ChatTemplate, Template, get_template
from cogitate.text.think import Parsed, ParseMode
from cogitate.text.tokenizer import Tokenizer

_PRIVATE_USE = range(0xE000, 0xF900)


class Chat:
    """One way of asking and reading, used alike by training, evaluation and conversation.

    ``stop_token_ids`` and ``stop_strings`` belong into ``SamplingParams``.
    """

    def __init__(self, tokenizer: Tokenizer, template: Template | str) -> None:
        if isinstance(template, str):
            template = get_template(template)
        if isinstance(template, ChatTemplate) and template.jinja is None:
            template = template.bind(tokenizer)
        self.tokenizer = tokenizer
        self.template: Template = template
        self.stop_token_ids = tokenizer.eos_ids
        self.stop_strings = template.stop_strings
        self.pad_id = tokenizer.pad_id
        self._end_texts = [tokenizer.token_text(i) for i in tokenizer.eos_ids]
        self._end_id = self._find_end_id()

    def render_prompt(self, problem: Problem) -> Prompt:
        """The prompt of a problem.

        ``key`` is the first 8 bytes (little-endian) of BLAKE2b of the problem's id.
        """
        messages, covered = _cover(problem.messages, self.tokenizer)
        text = self.template.render(replace(problem, messages=messages))
        pieces = _uncover(text, covered)
        if covered:
            token_ids = self.tokenizer.encode_segments(pieces)
        else:
            token_ids = self.tokenizer.encode_with_special(text)
        prefix = () if self.template.writes_bos else self.tokenizer.prefix_ids
        return Prompt(
            token_ids=(*prefix, *token_ids),
            text="".join(piece for piece, _ in pieces),
            key=problem_key(problem.id),
        )

    def render_solution(
        self, problem: Problem, think: str, answer: str
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(prompt ids, completion ids) of a worked solution; the completion holds its own end.

        Raises:
            DataError: the written solution would not be read back as well-formed.
        """
        text = self.template.format_solution(think, answer)
        parsed = self.template.parse(text, False)
        if not parsed.format_ok or parsed.answer is None:
            raise DataError(
                f"problem {problem.id}: its solution does not fit template {self.template.name}: "
                f"{'; '.join(parsed.problems)}. Solution: {text[:200]!r}."
            )
        return self.render_prompt(problem).token_ids, self.completion_ids(text)

    def completion_ids(self, text: str) -> tuple[int, ...]:
        """Token ids of a finished completion, its end token included where the template has one.

        Control strings in ``text`` stay text.
        """
        token_ids = self.tokenizer.encode_completion(text)
        return (*token_ids, self._end_id) if self.template.ends_with_eos else tuple(token_ids)

    def parse(self, completion: Completion, mode: ParseMode = "strict") -> Parsed:
        """Thinking, answer and format verdict of a completion."""
        text = completion.text
        for end in self._end_texts:
            if end:
                text = text.split(end, 1)[0]
        return self.template.parse(text, completion.finish_reason is FinishReason.LENGTH, mode)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of token ids, control tokens kept."""
        return self.tokenizer.decode(token_ids)

    def _find_end_id(self) -> int:
        """The end token that the chat template itself writes after a reply, if it is one."""
        written = getattr(self.template, "turn_end", "")
        for token_id, text in zip(self.tokenizer.eos_ids, self._end_texts, strict=True):
            if text and written.lstrip().startswith(text):
                return token_id
        return self.tokenizer.eos_id


def problem_key(problem_id: str) -> int:
    """A stable unsigned 64-bit number of a problem's id.

    >>> problem_key("toy/train/00012")
    1240932558483819281
    """
    return int.from_bytes(hashlib.blake2b(problem_id.encode()).digest()[:8], "little")


def _cover(
    messages: Sequence[Message], tokenizer: Tokenizer
) -> tuple[tuple[Message, ...], tuple[str, list[str]] | None]:
    """Messages with placeholders for control strings, and what they stand for.

    In assistant turns tags stay visible: chat templates look for ``</think>`` to drop old
    thinking. Elsewhere a tag is as foreign as a control token.
    """
    text = "".join(message.content for message in messages)
    if not any(marker in text for marker in tokenizer.marker_strings):
        return tuple(messages), None
    mark = next(chr(code) for code in _PRIVATE_USE if chr(code) not in text)
    originals: list[str] = []

    def hide(match: re.Match[str]) -> str:
        originals.append(match.group())
        return f"{mark}{len(originals) - 1}{mark}"

    covered = []
    for message in messages:
        own = message.role == "assistant"
        strings = tokenizer.control_strings if own else tokenizer.marker_strings
        longest_first = sorted(strings, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest_first)) or r"(?!)"
        covered.append(replace(message, content=re.sub(pattern, hide, message.content)))
    return tuple(covered), (mark, originals) if originals else None


def _uncover(text: str, covered: tuple[str, list[str]] | None) -> list[tuple[str, bool]]:
    """(piece, trusted) of a rendered text, the placeholders filled in as untrusted pieces."""
    if covered is None:
        return [(text, True)]
    mark, originals = covered
    parts = re.split(f"{mark}(\\d+){mark}", text)
    return [
        (originals[int(part)], False) if index % 2 else (part, True)
        for index, part in enumerate(parts)
    ]
