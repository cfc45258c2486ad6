"""What the studies share: running an arm, reading its figures, writing the table."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs" / "studies"

Figure = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One run of a study. ``first`` and ``last`` hold EvalResult fields by "task/mode"."""

    name: str
    seed: int
    run_dir: str
    steps: int
    train_seconds: float
    first: dict[str, Figure]
    last: dict[str, Figure]


def run_arm(
    name: str,
    config_path: Path,
    seed: int,
    overrides: Sequence[str],
    out: Path,
    *,
    resume: bool = False,
    train_seconds: float | None = None,
) -> Arm:
    """Run (or, with ``resume``, finish or re-read) one arm and return its figures.

    ``train_seconds`` turns the number of steps into a budget: a short probe measures a step, and
    the run gets as many steps as fit.
    """
    from cogitate.config import load_config
    from cogitate.display.plain import PlainDisplay
    from cogitate.runner import run

    slug = name.replace(" ", "-").replace(",", "").lower()
    overrides = [*overrides, f"output_dir={out}", f"name={slug}-seed{seed}"]
    if train_seconds is not None:
        begun = out / f"{slug}-seed{seed}" / "config.toml"
        if resume and begun.is_file():  # its budget was measured when it began
            steps = load_config(begun).sft.steps
        else:
            steps = _steps_that_fit(config_path, overrides, train_seconds)
        overrides.append(f"sft.steps={steps}")
    config = load_config(config_path, overrides)
    print(f"== {name}, seed {seed} -> {config.run_dir}", flush=True)
    result = run(config, resume=resume, listener=PlainDisplay())
    return Arm(
        name=name,
        seed=seed,
        run_dir=str(result.run_dir),
        steps=result.step,
        train_seconds=_train_seconds(result.run_dir),
        first=_by_name(result.first_evals),
        last=_by_name(result.last_evals),
    )


def _steps_that_fit(config_path: Path, overrides: Sequence[str], seconds: float) -> int:
    import shutil
    import tempfile

    from cogitate.config import load_config
    from cogitate.runner import run

    with tempfile.TemporaryDirectory() as folder:
        probe = [*overrides, f"output_dir={folder}", "sft.steps=4", "eval.problems_per_task=1"]
        result = run(load_config(config_path, probe))
        rows = _timing(result.run_dir)[-3:]  # the first step warms up
        shutil.rmtree(result.run_dir)
    per_step = sum(row["seconds"]["update"] for row in rows) / len(rows)
    return max(1, int(seconds / per_step))


def _timing(run_dir: Path) -> list[dict[str, Any]]:
    lines = (Path(run_dir) / "timing.jsonl").read_text().splitlines()
    return [row for line in lines if (row := json.loads(line))["step"] > 0]


def _train_seconds(run_dir: Path) -> float:
    phases = ("rollout", "reward", "logprobs", "update", "sync")
    return sum(row["seconds"].get(p, 0.0) for row in _timing(run_dir) for p in phases)


def _by_name(results: Sequence[Any]) -> dict[str, Figure]:
    return {f"{r.task}/{r.mode}": asdict(r) for r in results if r.metric == "accuracy"}


def gains(arm: Arm, mode: str, task: str = "all") -> float:
    """Held-out accuracy after minus before."""
    return float(arm.last[f"{task}/{mode}"]["value"] - arm.first[f"{task}/{mode}"]["value"])


def environment_line() -> str:
    """Machine, versions and date, for the study's page."""
    import torch

    cores = os.cpu_count()
    return (
        f"{cores} CPU cores ({platform.machine()}), {torch.get_num_threads()} threads, Python "
        f"{platform.python_version()}, torch {torch.__version__}, {date.today().isoformat()}."
    )


def percent(figure: Figure) -> str:
    """41.0 [35.2, 47.1]"""
    low, high = figure["ci95"]
    return f"{100 * figure['value']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def table(arms: Sequence[Arm]) -> str:
    """One row an arm and mode over all tasks, then one a task."""
    head = "| run | seed | steps | training s | task | mode | before | after | gain |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    tasks = sorted({key.partition("/")[0] for arm in arms for key in arm.last} - {"all"})
    for task in ("all", *tasks):
        for mode in ("greedy", "sampled"):
            for arm in sorted(arms, key=lambda a: (a.name, a.seed)):
                key = f"{task}/{mode}"
                if key in arm.last:
                    lines.append(
                        f"| {arm.name} | {arm.seed} | {arm.steps} | {arm.train_seconds:.0f} "
                        f"| {task} | {mode} | {percent(arm.first[key])} | {percent(arm.last[key])} "
                        f"| {100 * gains(arm, mode, task):+.1f} |"
                    )
    return "\n".join(lines)


def write_study(
    name: str, *, title: str, intro: str, arms: Sequence[Arm], conclusions: Sequence[str],
    write: bool = True,
) -> str:  # fmt: skip
    """The study's page, also written to docs/studies with the figures as JSON."""
    points = "\n".join(f"- {line}" for line in conclusions)
    text = f"# {title}\n\n{intro}\n\n{points}\n\n{table(arms)}\n"
    if write:
        DOCS.mkdir(parents=True, exist_ok=True)
        (DOCS / f"{name}.md").write_text(text)
        rows = [{**asdict(arm), "run_dir": Path(arm.run_dir).name} for arm in arms]
        (DOCS / f"{name}.json").write_text(json.dumps(rows, indent=1, default=str) + "\n")
    return text
