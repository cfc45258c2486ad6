"""``cogitate chat``: a conversation in the terminal, written out as it is sampled."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from cogitate.cli.common import OK, Commands, add_command, warn
from cogitate.cli.sample import add_sampling

_DESCRIPTION = """\
Uses the template of the run the model came from, else the model's chat template, else "qa".
Commands inside the chat: /reset, /system TEXT, /help, /exit. With --json, or when standard input
is not a terminal, every line of input is one turn.
"""


def add(commands: Commands) -> None:
    """Register the command."""
    parser = add_command(
        commands, "chat", _chat, help="talk with a model in the terminal", description=_DESCRIPTION
    )
    parser.add_argument("model", metavar="MODEL", help="preset, directory, hub id or run directory")
    parser.add_argument("--system", metavar="TEXT", help="system message")
    add_sampling(parser, temperature=0.6, max_tokens=512)


def _chat(args: argparse.Namespace) -> int:
    from cogitate.cli.conversation import Conversation
    from cogitate.inference import open_model

    model = open_model(
        args.model, template=args.template, device=args.device, kernels=args.kernels, slots=1,
        progress=warn,
    )  # fmt: skip
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


def _lines(stream: Any, *, ask: bool) -> Iterator[str]:
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
