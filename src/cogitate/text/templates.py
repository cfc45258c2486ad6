r"""Prompt templates: how a problem becomes text, and how a completion is read back.

name              prompt ends with            final answer                     ends by
qa                ``A:``                      the whole line                   newline
r1_zero           ``Assistant:``              ``<answer>`` after ``</think>``  end token
r1_zero_prefill   ``Assistant: <think>``      the same                         end token
r1_zero_steps     ``step by step.\n<think>``  the same                         end token
boxed             ``Answer:``                 ``\boxed{}``                     end token
chat              the model's own template    box, else text after thinking    end of turn
chat_boxed        the same, asks for a box    ``\boxed{}``                     end of turn

A template knows text only; ``text/chat.py`` adds the tokenizer.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, runtime_checkable

from cogitate.errors import ConfigError, DataError
from cogitate.schema import Message, Problem
from cogitate.text.jinja import JinjaTemplate
from cogitate.text.think import (
    THINK_CLOSE,
    THINK_OPEN,
    AnswerStyle,
    Parsed,
    ParseMode,
    parse,
    parse_plain,
)
from cogitate.text.tokenizer import Tokenizer

BOXED_INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."
# Paper: DeepSeek-R1 (arXiv:2501.12948v1) Table 1.
_CONVERSATION = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant "
    "solves it. The assistant first thinks about the reasoning process in the mind and then "
    "provides the user with the answer."
)
R1_ZERO_PREAMBLE = (
    f"{_CONVERSATION} The reasoning process and answer are enclosed within <think> </think> and "
    "<answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> "
    "<answer> answer here </answer>."
)


@runtime_checkable
class Template(Protocol):
    """How problems are asked and completions are read.

    ``prefilled``     the prompt already ends with ``<think>``
    ``ends_with_eos`` a solution ends with the end token; otherwise its own last text stops it
    ``writes_bos``    the rendered text carries the beginning-of-text token by itself
    """

    @property
    def name(self) -> str: ...
    @property
    def stop_strings(self) -> tuple[str, ...]: ...
    @property
    def prefilled(self) -> bool: ...
    @property
    def ends_with_eos(self) -> bool: ...
    @property
    def writes_bos(self) -> bool: ...
    def render(self, problem: Problem) -> str: ...
    def parse(self, text: str, truncated: bool, mode: ParseMode = "strict") -> Parsed: ...
    def format_solution(self, think: str, answer: str) -> str: ...
    def format_reply(self, reply: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QATemplate:
    r"""``Q: {question}\nA:``, answered on one line.

    Earlier turns of the problem are earlier Q and A lines, so they serve as examples.
    A solution is ``" 42\n"``: the newline is the stop, it is sampled, trained on, and no end token
    follows it.
    """

    name: str = "qa"
    stop_strings: tuple[str, ...] = ("\n",)
    prefilled: bool = field(default=False, init=False)
    ends_with_eos: bool = field(default=False, init=False)
    writes_bos: bool = field(default=False, init=False)

    def render(self, problem: Problem) -> str:
        """The prompt; a system message stands before it as a paragraph."""
        system, history, question = _turns(problem, self.name)
        lines = [f"{system}\n\n"] if system else []
        lines += [f"Q: {asked}\nA: {answered}\n" for asked, answered in history]
        return "".join([*lines, f"Q: {question}\nA:"])

    def parse(self, text: str, truncated: bool, mode: ParseMode = "strict") -> Parsed:
        """The whole line is the answer; well-formed when it ended by itself."""
        stop = self.stop_strings[0] if self.stop_strings else None
        return parse_plain(text, stop=stop, truncated=truncated)

    def format_solution(self, think: str, answer: str) -> str:
        """A space, the answer, the stop. There is no room for thinking."""
        return self.format_reply(answer)

    def format_reply(self, reply: str) -> str:
        """Recorded text as a completion.

        Raises:
            DataError: the text holds the stop, so it could never be sampled.
        """
        for stop in self.stop_strings:
            if stop in reply.strip():
                raise DataError(
                    f"template {self.name} stops at {stop!r}, which stands inside the text "
                    f"{reply.strip()[:120]!r}. Use a template with more room, such as 'boxed'."
                )
        return f" {reply.strip()}{self.stop_strings[0] if self.stop_strings else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTemplate:
    """A preamble and turns in plain text, for base models; no control tokens at all.

    ``turn`` holds ``{question}``. ``lead`` is what the assistant's turn begins with; when it ends
    with ``<think>``, completions start inside the thinking.
    """

    name: str
    preamble: str
    turn: str
    separator: str
    lead: str = ""
    style: AnswerStyle = "tags"
    stop_strings: tuple[str, ...] = ()
    ends_with_eos: bool = field(default=True, init=False)
    writes_bos: bool = field(default=False, init=False)

    @property
    def prefilled(self) -> bool:
        """Whether the prompt ends with an open ``<think>``."""
        return self.lead.endswith(THINK_OPEN)

    def render(self, problem: Problem) -> str:
        """Preamble, system message if any, then the turns."""
        system, history, question = _turns(problem, self.name)
        parts = [text for text in (self.preamble, system) if text]
        parts += [f"{self.turn.replace('{question}', q)} {a}" for q, a in history]
        parts.append(self.turn.replace("{question}", question) + self.lead)
        return self.separator.join(parts)

    def parse(self, text: str, truncated: bool, mode: ParseMode = "strict") -> Parsed:
        """See ``text.think.parse``. A lenient reader stops where the model plays the user."""
        if mode == "lenient":
            text = text.split("\nUser:", 1)[0]
        return parse(
            text, style=self.style, prefilled=self.prefilled, truncated=truncated, mode=mode
        )

    def format_solution(self, think: str, answer: str) -> str:
        """The layout that the preamble shows.

        Raises:
            DataError: the layout has a place for thinking and there is none.
        """
        if self.style != "tags":
            working = f" {think.strip()}\n" if think.strip() else " "
            return f"{working}\\boxed{{{answer.strip()}}}"
        _require_think(think, self.name)
        opening = "" if self.prefilled else f" {THINK_OPEN}"
        return f"{opening} {think.strip()} </think> <answer> {answer.strip()} </answer>"

    def format_reply(self, reply: str) -> str:
        """Recorded text as a completion, behind a space or behind the prompt's ``<think>``."""
        if self.prefilled:
            return _after_prefill(reply, self.name)
        return reply if reply[:1].isspace() else f" {reply}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """The model's own chat template; give it a tokenizer with ``bind`` before use.

    ``instruction`` is added to the last user turn. ``variables`` are passed to the template, for
    example ``{"enable_thinking": False}``. ``template`` names one of several templates.
    """

    name: str = "chat"
    style: AnswerStyle = "remainder"
    instruction: str = ""
    template: str = "default"
    variables: Mapping[str, Any] = field(default_factory=dict)
    stop_strings: tuple[str, ...] = ()
    jinja: JinjaTemplate | None = field(default=None, repr=False)
    prefilled: bool = False
    turn_end: str = ""
    ends_with_eos: bool = field(default=True, init=False)
    writes_bos: bool = field(default=True, init=False)

    def bind(self, tokenizer: Tokenizer) -> "ChatTemplate":
        """This template with the tokenizer's Jinja source and special tokens.

        Raises:
            DataError: the tokenizer has no such chat template, or it is broken.
        """
        source = tokenizer.chat_templates.get(self.template)
        if source is None:
            known = ", ".join(sorted(tokenizer.chat_templates)) or "none"
            raise DataError(
                f"{tokenizer.source}: no chat template {self.template!r} (has: {known}). Base "
                "models have none: use template.name = 'qa', 'boxed' or 'r1_zero', or put a "
                "chat_template.jinja into the model directory."
            )
        jinja = JinjaTemplate(source, name=f"{tokenizer.source} chat template")
        variables = {**tokenizer.named_tokens, **self.variables}
        bound = replace(self, jinja=jinja, variables=variables)
        asked = [Message(role="user", content="question")]
        prompt = bound.render_messages(asked)
        whole = bound.render_messages(
            [*asked, Message(role="assistant", content="reply")], add_generation_prompt=False
        )
        return replace(
            bound,
            prefilled=prompt.rstrip().endswith(THINK_OPEN),
            turn_end=whole.rpartition("reply")[2],
        )

    def render(self, problem: Problem) -> str:
        """The conversation, ready for the assistant's turn."""
        *history, last = problem.messages
        if last.role == "user" and self.instruction:
            last = replace(last, content=f"{last.content}\n{self.instruction}")
        return self.render_messages([*history, last])

    def render_messages(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = True
    ) -> str:
        """Any conversation; with ``add_generation_prompt`` up to the start of a reply."""
        if self.jinja is None:
            raise DataError(
                f"template {self.name!r} has no tokenizer yet. Use Chat(tokenizer, template), or "
                "template.bind(tokenizer)."
            )
        return self.jinja.render(
            [{"role": message.role, "content": message.content} for message in messages],
            add_generation_prompt=add_generation_prompt,
            variables=self.variables,
        )

    def parse(self, text: str, truncated: bool, mode: ParseMode = "strict") -> Parsed:
        """See ``text.think.parse``: thinking is optional, the answer comes after it."""
        return parse(
            text, style=self.style, prefilled=self.prefilled, truncated=truncated, mode=mode
        )

    def format_solution(self, think: str, answer: str) -> str:
        """Thinking in tags if there is any, then the answer, in a box if one is asked for."""
        reply = f"\\boxed{{{answer.strip()}}}" if self.style == "boxed" else answer.strip()
        if self.prefilled:
            _require_think(think, self.name)
            return f"{think.strip()}\n</think>\n\n{reply}"
        return f"<think>\n{think.strip()}\n</think>\n\n{reply}" if think.strip() else reply

    def format_reply(self, reply: str) -> str:
        """Recorded text as a completion: itself, without a ``<think>`` that the prompt holds."""
        return _after_prefill(reply, self.name).removeprefix("\n") if self.prefilled else reply


TEMPLATES: dict[str, QATemplate | TextTemplate | ChatTemplate] = {
    template.name: template
    for template in (
        QATemplate(),
        # Paper: DeepSeek-R1 (arXiv:2501.12948v1) Table 1, "User: prompt. Assistant:".
        TextTemplate(
            name="r1_zero",
            preamble=R1_ZERO_PREAMBLE,
            turn="User: {question}. Assistant:",
            separator=" ",
        ),
        # As in understand-r1-zero (OAT): the prompt opens the thinking.
        TextTemplate(
            name="r1_zero_prefill",
            preamble=R1_ZERO_PREAMBLE,
            turn="User: {question}\nAssistant:",
            separator="\n",
            lead=" <think>",
        ),
        # As in TinyZero: the instruction follows the question, the first step is written.
        TextTemplate(
            name="r1_zero_steps",
            preamble=_CONVERSATION,
            turn="User: {question} Show your work in <think> </think> tags. And return the final "
            "answer in <answer> </answer> tags.\nAssistant:",
            separator="\n",
            lead=" Let me solve this step by step.\n<think>",
        ),
        TextTemplate(
            name="boxed",
            preamble="",
            turn=f"Question: {{question}}\n{BOXED_INSTRUCTION}\nAnswer:",
            separator="\n\n",
            style="boxed",
        ),
        ChatTemplate(),
        ChatTemplate(name="chat_boxed", style="boxed", instruction=BOXED_INSTRUCTION),
    )
}


def get_template(name: str, **options: Any) -> QATemplate | TextTemplate | ChatTemplate:
    """The template called ``name``, with some of its fields replaced.

    >>> get_template("r1_zero_prefill").prefilled
    True

    Raises:
        ConfigError: there is no such template or option.
    """
    if name not in TEMPLATES:
        close = difflib.get_close_matches(name, TEMPLATES, n=1)
        hint = f' Did you mean "{close[0]}"?' if close else ""
        raise ConfigError(f'unknown template "{name}". Known: {", ".join(TEMPLATES)}.{hint}')
    template = TEMPLATES[name]
    known = {f.name for f in fields(template) if f.init} - {"name", "jinja"}
    unknown = sorted(set(options) - known)
    if unknown:
        raise ConfigError(
            f"template {name}: unknown option {unknown[0]}. Known: {', '.join(sorted(known))}."
        )
    if "stop_strings" in options:
        options["stop_strings"] = tuple(options["stop_strings"])
    return replace(template, **options)


def _turns(problem: Problem, name: str) -> tuple[str, list[tuple[str, str]], str]:
    """(system text, earlier (question, answer) pairs, the question) of a problem."""
    messages = problem.messages
    system = "\n".join(m.content for m in messages if m.role == "system")
    turns = [m for m in messages if m.role != "system"]
    expected = ["user" if i % 2 == 0 else "assistant" for i in range(len(turns))]
    roles = [m.role for m in turns]
    if roles != expected or len(turns) % 2 == 0:
        raise DataError(
            f"problem {problem.id}: template {name} cannot write turns {roles}. Expected user and "
            "assistant in turn, the user last; for tools or other orders use template 'chat'."
        )
    texts = [m.content for m in turns]
    return system, list(zip(texts[0:-1:2], texts[1::2], strict=True)), texts[-1]


def _after_prefill(reply: str, name: str) -> str:
    reply = reply.lstrip().removeprefix(THINK_OPEN)
    if THINK_CLOSE not in reply:
        raise DataError(
            f"template {name} opens <think> in the prompt, but this text never closes it: "
            f"{reply[:120]!r}. Add thinking to the data, or use a template that does not open it."
        )
    return reply


def _require_think(think: str, name: str) -> None:
    if not any(map(str.isalnum, think)):
        raise DataError(
            f"template {name} has a place for thinking, but the worked solution has none. Give "
            "the task a solution with thinking text, or use template 'qa'."
        )
