"""``cogitate chat``: a conversation in the terminal, written out as it is sampled."""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from cogitate.cli.common import OK, Parser, add_command
from cogitate.cli.sample import add_sampling

if TYPE_CHECKING:
    from cogitate.inference import OpenModel
    from cogitate.schema import Completion, Message

_HELP = """\
/reset        forget the conversation
/system TEXT  set a system message and begin again (no TEXT: remove it)
/help         this list
/exit         leave (also Ctrl-D)
Ctrl-C stops an answer."""

_DESCRIPTION = """\
Uses the template of the run the model came from, else the model's chat template, else "qa".
Commands inside the chat: /reset, /system TEXT, /help, /exit. With --json, or when standard input
is not a terminal, every line of input is one turn.
"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register the command."""
    parser = add_command(
        commands, "chat", _chat, help="talk with a model in the terminal", description=_DESCRIPTION
    )
    parser.add_argument("model", metavar="MODEL", help="preset, directory, hub id or run directory")
    parser.add_argument("--system", metavar="TEXT", help="system message")
    add_sampling(parser, temperature=0.6, max_tokens=512)


def _chat(args: argparse.Namespace) -> int:
    from cogitate.inference import open_model

    model = open_model(
        args.model, template=args.template, device=args.device, kernels=args.kernels, slots=1
    )
    conversation = Conversation(model, args)
    is_terminal = sys.stdin.isatty() and not args.json
    if is_terminal:
        print(f"{model.directory}, template {model.template}. /help lists commands.")
        _enable_line_editing()
    for line in _lines(sys.stdin, ask=is_terminal):
        if line.startswith("/"):
            if not conversation.command(line, print):
                break
        elif args.json:
            print(conversation.answer_json(line), flush=True)
        else:
            conversation.answer(line, sys.stdout)
    return OK


def _lines(stream: TextIO, *, ask: bool) -> Iterator[str]:
    """Lines that say something; a prompt is shown to a person."""
    while True:
        try:
            line = input("> ") if ask else stream.readline()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if not ask and not line:
            return
        if line.strip():
            yield line.strip()


def _enable_line_editing() -> None:
    """Arrow keys and history in ``input``, where this Python has readline."""
    import importlib.util

    if importlib.util.find_spec("readline") is not None:
        import readline  # noqa: F401  importing it is what enables it


class Conversation:
    """The turns so far, and the model that answers them."""

    def __init__(self, model: "OpenModel", args: argparse.Namespace) -> None:
        self.model = model
        self.args = args
        self.system: str | None = args.system
        self.messages: list[Message] = []
        self.turns = 0

    def command(self, line: str, say: Callable[[str], object]) -> bool:
        """Do a slash command; False ends the chat."""
        name, _, rest = line.partition(" ")
        if name in ("/exit", "/quit"):
            return False
        if name == "/reset":
            self.messages = []
            say("(conversation forgotten)")
        elif name == "/system":
            self.system, self.messages = rest.strip() or None, []
            say("(system message set; conversation forgotten)" if rest.strip() else
                "(no system message; conversation forgotten)")
        else:
            say(_HELP if name == "/help" else f"unknown command {name}\n{_HELP}")
        return True

    def answer(self, text: str, out: TextIO) -> "Completion | None":
        """Stream the answer to ``out`` and remember both turns; None when it was stopped."""
        from cogitate.display.safe_text import StreamCleaner, encodable
        from cogitate.schema import Completion

        cleaner, done = StreamCleaner(), None
        encoding = getattr(out, "encoding", None) or "utf-8"
        try:
            for piece in self._pieces(text):
                if isinstance(piece, Completion):
                    done = piece
                else:
                    out.write(encodable(cleaner.push(piece), encoding))
                    out.flush()
        except KeyboardInterrupt:
            out.write(" (stopped)")
        out.write(encodable(cleaner.flush(), encoding))
        if done is not None:
            out.write(" (truncated)\n" if done.finish_reason == "length" else "\n")
            self._remember(text, done)
        else:
            out.write("\n")
        out.flush()
        return done

    def answer_json(self, text: str) -> str:
        """The answer as one JSON line."""
        from cogitate.display.json_lines import json_text
        from cogitate.schema import Completion

        done = next(piece for piece in self._pieces(text) if isinstance(piece, Completion))
        parsed = self.model.chat.parse(done)
        self._remember(text, done)
        return json_text({
            "question": text, "completion": done.text, "thinking": parsed.think,
            "answer": parsed.answer, "finish_reason": done.finish_reason,
            "tokens": len(done.token_ids),
        })  # fmt: skip

    def _pieces(self, text: str) -> "Iterator[str | Completion]":
        from cogitate.engines.streaming import stream
        from cogitate.inference import question, shortened
        from cogitate.schema import Message

        system = [Message(role="system", content=self.system)] if self.system else []
        prompt = self.model.chat.render_prompt(question(text, [*system, *self.messages]))
        # Another seed for every turn, so that asking the same again can be answered differently.
        params = self.model.params(
            max_tokens=self.args.max_tokens, temperature=self.args.temperature,
            top_p=self.args.top_p, top_k=self.args.top_k, seed=self.args.seed + self.turns,
        )  # fmt: skip
        limit = self.model.engine.model.config.max_position
        self.turns += 1
        return stream(self.model.engine, prompt, shortened(params, len(prompt.token_ids), limit))

    def _remember(self, text: str, done: "Completion") -> None:
        from cogitate.schema import Message

        self.messages += [
            Message(role="user", content=text),
            Message(role="assistant", content=done.text.strip()),
        ]
