"""``cogitate reward-model``: train reward models, score texts with them, measure them."""

import argparse
from pathlib import Path

from cogitate.cli.common import OK, Commands, Parser, add_command, show, warn

_TRAIN = """\
Learns from preference pairs (helpfulness) or labels (safety) as a TOML file says, and writes a run
directory: metrics, checkpoints, report.txt, report.json and final/, the model in Hugging Face
layout. Ctrl-C saves before it stops.
"""
_SCORE = """\
FILE has rows with prompt and completion, or prompt, chosen and rejected. Every row is written to
--out again with what it scored: reward, or chosen_reward and rejected_reward. A reward is null
where the prompt does not fit the model.
"""
_REPORT = """\
Accuracy with intervals, calibration and length bias on the pairs or labels of FILE. All rows are
measured, those too that a training would hold out or learn from.
"""
_PAIRS = """\
FILE has rows with prompt, first, second and judgements, a list of {"order": "AB" or "BA",
"verdict": "A>>B", "A>B", "A=B", "B>A" or "B>>A"}. Both orders are averaged, and pairs are kept
whose gap (3, 1, 0, -1, -3) exceeds --min-gap.
"""


def add(commands: Commands) -> None:
    """Register ``reward-model`` and its subcommands."""
    group = commands.add_parser("reward-model", help="train, use and measure reward models")
    group.set_defaults(json=False, debug=False, command=lambda args: group.print_help() or OK)
    own = group.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    parser = add_command(
        own, "train", _train, help="train a reward model as a TOML file says", description=_TRAIN
    )
    parser.add_argument("config", metavar="CONFIG", help="TOML file of one reward model")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides",
        help="change one setting, e.g. --set length.data=matched; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--resume", action="store_true", help="continue from the newest good checkpoint"
    )
    parser.add_argument(
        "--run-dir", type=Path, metavar="DIR", help="run directory (default: output_dir/name)"
    )
    parser = add_command(
        own, "score", _score, help="score the completions of a file", description=_SCORE
    )
    _add_model_and_file(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="JSON lines")
    parser.add_argument(
        "--raw", action="store_true", help="scores without the bound of the reward (tanh)"
    )
    parser = add_command(
        own, "report", _report, help="measure a reward model on a file", description=_REPORT
    )
    _add_model_and_file(parser)
    parser = add_command(
        own, "pairs", _pairs, help="make pairs out of a judge's verdicts", description=_PAIRS
    )
    parser.add_argument("file", metavar="FILE", help="judged pairs, JSON lines")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="JSON lines")
    parser.add_argument(
        "--min-gap", type=float, default=1.0, metavar="GAP", help="smallest gap (paper: 1)"
    )


def _add_model_and_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a training's run directory, or its final/")
    parser.add_argument("file", metavar="FILE", help=".jsonl, .json, .csv, .parquet, or directory")
    parser.add_argument(
        "--device", default="auto", metavar="DEVICE", help="cpu, cuda, cuda:1 (default: auto)"
    )


def _train(args: argparse.Namespace) -> int:
    from cogitate.cli.reward_models import load_reward_model_config
    from cogitate.reward_models.training import train_reward_model

    config = load_reward_model_config(args.config, args.overrides)
    result = train_reward_model(config, run_dir=args.run_dir, resume=args.resume, say=warn)
    if result.model is not None:
        text = (result.run_dir / "report.txt").read_text()
        show(args, result.report, f"{text}\nModel:         {result.model}")
    return result.exit_code


def _score(args: argparse.Namespace) -> int:
    from cogitate.cli.reward_models import score_file

    counts = score_file(args.model, args.file, args.out, device=args.device, raw=args.raw, say=warn)
    show(args, counts, f"{counts['scored']} rows scored, {counts['skipped']} skipped: {args.out}")
    return OK


def _report(args: argparse.Namespace) -> int:
    from cogitate.cli.reward_models import measure_file
    from cogitate.reward_models.report import report_text

    report = measure_file(args.model, args.file, device=args.device)
    show(args, report, report_text(report).rstrip("\n"))
    return OK


def _pairs(args: argparse.Namespace) -> int:
    from cogitate.cli.reward_models import pairs_file

    counts = pairs_file(args.file, args.out, min_gap=args.min_gap)
    lean = "unknown" if counts["lean_to_a"] is None else f"{counts['lean_to_a']:+.2f}"
    show(
        args, counts,
        f"{counts['kept']} of {counts['pairs']} pairs kept: {counts['gap_too_small']} with too "
        f"small a gap, {counts['one_order_only']} judged in one order only, {counts['skipped']} "
        f"rows unusable. Lean to what is shown as A: {lean}.\n{args.out}",
    )  # fmt: skip
    return OK
