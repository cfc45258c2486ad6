"""The work of ``cogitate chat``: turns, commands, and answers that are streamed."""

import argparse
from collections.abc import Callable, Iterator

from cogitate.display.json_lines import json_text
from cogitate.display.safe_text import StreamCleaner, encodable
from cogitate.display.stream import Stream, encoding_of
from cogitate.engines.streaming import stream
from cogitate.inference import OpenModel, question, shortened
from cogitate.schema import Completion, Message

_HELP = """\
/reset        forget the conversation
/system TEXT  set a system message and begin again (no TEXT: remove it)
/help         this list
/exit         leave (also Ctrl-D)
Ctrl-C stops an answer."""


class Conversation:
    """The turns so far, and the model that answers them."""

    def __init__(self, model: OpenModel, args: argparse.Namespace) -> None:
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
            say(f"({'system message set' if self.system else 'no system message'})")
        else:
            say(_HELP if name == "/help" else f"unknown command {name}\n{_HELP}")
        return True

    def answer(self, text: str, out: Stream) -> Completion | None:
        """Stream the answer to ``out`` and remember both turns; None when it was stopped."""
        cleaner, done = StreamCleaner(), None
        encoding = encoding_of(out)
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
        done = next(piece for piece in self._pieces(text) if isinstance(piece, Completion))
        parsed = self.model.chat.parse(done)
        self._remember(text, done)
        return json_text({
            "question": text, "completion": done.text, "thinking": parsed.think,
            "answer": parsed.answer, "finish_reason": done.finish_reason,
            "tokens": len(done.token_ids),
        })  # fmt: skip

    def _pieces(self, text: str) -> Iterator[str | Completion]:
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

    def _remember(self, text: str, done: Completion) -> None:
        self.messages += [
            Message(role="user", content=text),
            Message(role="assistant", content=done.text.strip()),
        ]
