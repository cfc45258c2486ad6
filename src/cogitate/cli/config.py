"""``cogitate explain``: every resolved setting, where it came from, and what it means."""

import argparse
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from cogitate.cli.common import OK, Commands, add_command, add_config, show


def add(commands: Commands) -> None:
    """Register the command."""
    parser = add_command(
        commands, "explain", _explain,
        help="print every resolved setting, where it came from and what it means",
    )  # fmt: skip
    add_config(parser)
    parser.add_argument(
        "--changed", action="store_true", help="only settings that the file or --set gives"
    )
    parser.add_argument(
        "--toml", action="store_true", help="print the resolved settings as a TOML file instead"
    )


def _explain(args: argparse.Namespace) -> int:
    from cogitate.config import config_to_toml, explain, read_source, validate

    source = read_source(args.config, args.overrides)
    config = validate(source)
    if args.toml:
        show(args, config.model_dump(mode="json"), config_to_toml(config).rstrip("\n"))
        return OK
    rows = explain(source, config)
    if args.changed:
        rows = [row for row in rows if row["origin"] != "default"]
    show(args, rows, explain_text(rows, shutil.get_terminal_size().columns))
    return OK


def explain_text(rows: Sequence[Mapping[str, Any]], width: int) -> str:
    """One block per section: ``key = value``, origin, and the docstring under it."""
    lines: list[str] = []
    section = None
    for row in rows:
        home, _, name = row["key"].rpartition(".")
        if home != section:
            section = home
            lines += [*([""] if lines else []), f"[{home}]" if home else "top of the file"]
        origin = "" if row["origin"] == "default" else f"   <- {row['origin']}"
        lines.append(f"  {name} = {_shown(row['value'])}{origin}")
        indent = " " * 6
        lines += textwrap.wrap(
            row["doc"], max(30, min(width, 100)), initial_indent=indent, subsequent_indent=indent
        )
    return "\n".join(lines)


def _shown(value: Any) -> str:
    from cogitate.config_toml import write_toml

    if value is None:
        return "(not set)"
    return write_toml({"v": value}).removeprefix("v = ").strip() if value != {} else "{}"
