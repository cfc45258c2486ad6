"""Length bias of reward models, its control, and what a flawed one does to a policy.

First part: preference pairs whose judge likes length, reward models trained with and without a
control, measured on fair pairs. Second part: the curve of DeepSeek-R1 (arXiv:2501.12948v2, section
B.5) in small: a policy trained on the biased reward model, whose reward rises while accuracy falls,
and the paper's cure, preference rewards in the last steps only. The world is in reward_world.py.
Writes docs/studies/reward_models.{md,json}.

    OMP_NUM_THREADS=1 python studies/reward_models.py
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from cogitate.cli.reward_models import measure_file
from cogitate.engines.local import LocalEngine
from cogitate.eval.estimators import wilson_interval
from cogitate.models.weights import load_model
from cogitate.placement.local import LocalPlacement
from cogitate.policies.config import OptimizerConfig
from cogitate.policies.local import LocalPolicy
from cogitate.reward_models.config import RewardModelConfig
from cogitate.reward_models.reward import RewardModelReward
from cogitate.reward_models.training import train_reward_model
from cogitate.rewards.config import RewardConfig
from cogitate.rewards.rubric import ModelPart, Rubric
from cogitate.schema import FinishReason, SamplingParams
from cogitate.tasks.hashing import hash64
from cogitate.testing import byte_chat
from cogitate.train.config import GRPOConfig
from cogitate.train.grpo import grpo_step
from common import DOCS, environment_line
from reward_world import (
    MAX_TOKENS,
    Largest,
    biased_pairs,
    equal_pairs,
    fair_pairs,
    train_writer,
    write_pairs,
)

QUALITY, LENGTH = 3.0, 1.0  # what a right number and a filler word are worth to the judge, nats
CONTROLS: dict[str, dict[str, Any]] = {
    "none": {"data": "all"},
    "balanced": {"data": "balanced"},
    "offset": {"data": "all", "offset": True},
}
MEASURED = ("accuracy", "adversarial", "aligned", "matched", "prefers_longer")


@dataclass(frozen=True, slots=True, kw_only=True)
class RLArm:
    """What a policy is rewarded with: weights of the rule and of the reward model of a control,
    and in how many last steps the latter counts (0: all)."""

    name: str
    rule: float
    preference: float
    control: str = "none"
    last_steps: int = 0


def arms_of(steps: int) -> list[RLArm]:
    """The arms of the second part; the paper's share of last steps is 400 of 1,700."""
    quarter = max(1, round(steps * 400 / 1700))
    return [
        RLArm(name="rule only", rule=1.0, preference=0.0),
        RLArm(name="preference only", rule=0.0, preference=1.0),
        RLArm(name="both, all steps", rule=1.0, preference=1.0),
        RLArm(name=f"both, preference in the last {quarter}", rule=1.0, preference=1.0,
              last_steps=quarter),
        RLArm(name=f"both, preference in the last {quarter // 2}", rule=1.0, preference=1.0,
              last_steps=quarter // 2),
        RLArm(name="both, all steps, balanced reward model", rule=1.0, preference=1.0,
              control="balanced"),
    ]  # fmt: skip


# ------------------------------------------------------------------------------ length bias


def bias_row(control: str, seed: int, options: argparse.Namespace, writer: Path) -> dict[str, Any]:
    """Train one reward model and measure it on fair pairs and on pairs of equal quality."""
    folder = options.out / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    pairs = biased_pairs(options.pairs, seed=seed, quality=QUALITY, length=LENGTH)
    train = write_pairs(folder / "train.jsonl", pairs)
    fair = write_pairs(folder / "fair.jsonl", fair_pairs(options.test_pairs, seed=seed))
    equal = write_pairs(folder / "equal.jsonl", equal_pairs(options.test_pairs, seed=seed))
    config = RewardModelConfig.model_validate({
        "kind": "helpfulness", "name": control, "output_dir": str(folder), "seed": seed,
        "model": {"source": str(writer), "template": "qa", "device": "cpu"},
        "data": {"path": str(train)}, "length": CONTROLS[control],
        "batch_size": 16, "max_tokens": 120, "checkpoint_every": 0,
        "optimizer": {"learning_rate": 3e-3, "warmup_steps": 5, "schedule": "linear"},
    })  # fmt: skip
    result = train_reward_model(config, resume=True)
    assert result.model is not None and result.report is not None
    on_fair = measure_file(result.model, str(fair), device="cpu")["held_out"]
    on_equal = measure_file(result.model, str(equal), device="cpu")["held_out"]
    return {
        "control": control,
        "seed": seed,
        "model": str(result.model),
        "train_pairs": result.report["data"]["train"],
        "longer_won": result.report["data"]["longer_won"],
        "length_coefficient": result.report["data"]["length_coefficient"],
        "biased_accuracy": result.report["held_out"]["accuracy"],
        **{name: on_fair[name] for name in MEASURED},
        "score_length": on_fair["score_length"],
        "equal_prefers_longer": on_equal["prefers_longer"],
    }


# -------------------------------------------------------------------------------------- RL


class Probe:
    """What a policy does on held-out questions, and what the biased reward model thinks of it."""

    def __init__(self, judge: RewardModelReward, *, problems: int, seed: int) -> None:
        task = Largest()
        self.task = task
        self.chat = byte_chat()
        self.judge = judge
        self.problems = [task.problem("heldout", 500_000 + i) for i in range(problems)]
        self.seed = seed

    def measure(self, engine: LocalEngine, step: int) -> dict[str, Any]:
        """Accuracy with its interval, mean reward of the judge, length and truncation."""
        prompts = [self.chat.render_prompt(problem) for problem in self.problems]
        params = sampling(self.chat, hash64("probe", self.seed, step))
        found = [samples[0] for samples in engine.generate(prompts, params, n=1)]
        right = sum(
            self.task.verify(problem, self.chat.parse(completion).answer) == 1.0
            for problem, completion in zip(self.problems, found, strict=True)
            if completion.finish_reason is FinishReason.STOP
        )
        rewards = [self.judge(p, [c])[0] for p, c in zip(self.problems, found, strict=True)]
        n = len(found)
        return {
            "step": step,
            "accuracy": right / n,
            "ci95": wilson_interval(right, n),
            "preference": fmean(r for r in rewards if r is not None),
            "length": fmean(len(c.token_ids) for c in found),
            "truncated": sum(c.finish_reason is FinishReason.LENGTH for c in found) / n,
            "example": found[0].text,
        }


def sampling(chat: Any, seed: int) -> SamplingParams:
    return SamplingParams(
        max_tokens=MAX_TOKENS, stop_token_ids=tuple(chat.stop_token_ids),
        stop_strings=tuple(chat.stop_strings), seed=seed,
    )  # fmt: skip


def curve(
    arm: RLArm, seed: int, options: argparse.Namespace, writer: Path, models: dict[str, Path]
) -> list[dict[str, Any]]:
    """Train a policy under one reward; what the probe saw on the way."""
    chat, task, model = byte_chat(), Largest(), load_model(writer)
    settings = OptimizerConfig(learning_rate=1e-3, warmup_steps=3)
    policy = LocalPolicy(model, settings, total_updates=options.steps, micro_batch_tokens=8192)
    engine = LocalEngine(model, chat.decode, slots=128)
    placement = LocalPlacement(policy, engine, reference=False)
    part = ModelPart(
        name="preference",
        weight=arm.preference,
        reward=RewardModelReward.load(models[arm.control]),
        last_steps=arm.last_steps,
    )
    rewards = RewardConfig(accuracy=arm.rule, random=0.0 if arm.rule else 1e-9, truncated="zero")
    rubric = Rubric({task.name: task}, chat, rewards, models=[part] if arm.preference else [])
    config = GRPOConfig.model_validate({
        "steps": options.steps, "problems_per_step": 16, "group_size": 8,
        "micro_batch_tokens": 8192, "advantage": {"scale": "none"},
        "loss": {"kind": "grpo", "reduction": "token"},
    })  # fmt: skip
    probe = Probe(RewardModelReward.load(models["none"]), problems=options.probes, seed=seed)
    rows = [probe.measure(engine, 0)]
    for step in range(1, options.steps + 1):
        start = hash64("rl", seed) % 10**9 + step * 16
        problems = [task.problem("train", start + i) for i in range(16)]
        rubric.at_step(step, last=options.steps)
        grpo_step(
            step, lambda n, found=problems: found[:n], rubric=rubric, chat=chat,
            placement=placement, config=config, sampling=sampling(chat, hash64("rl", seed, step)),
        )  # fmt: skip
        if step % options.every == 0 or step == options.steps:
            rows.append(probe.measure(engine, step))
    placement.close()
    return rows


# -------------------------------------------------------------------------------- the page


def share(value: dict[str, Any]) -> str:
    """63.2 [57.1, 68.9]"""
    low, high = value["ci95"]
    return f"{100 * value['value']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def bias_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| control | seed | pairs | biased held-out | fair | right is shorter | right is longer "
        "| prefers the longer (fair: 50) | same, both right | score and log length |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        names = ("biased_accuracy", "accuracy", "adversarial", "aligned", "prefers_longer",
                 "equal_prefers_longer")  # fmt: skip
        cells = " | ".join(share(row[name]) for name in names)
        low, high = row["score_length"]["ci95"]
        lines.append(
            f"| {row['control']} | {row['seed']} | {row['train_pairs']} | {cells} "
            f"| {row['score_length']['value']:+.2f} [{low:+.2f}, {high:+.2f}] |"
        )
    return "\n".join(lines)


def mean_and_spread(values: list[float]) -> str:
    """98.1 (97.2 to 99.0): mean and range over seeds, in per cent."""
    return f"{100 * fmean(values):.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def bias_summary(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    for control in CONTROLS:
        own = [row for row in rows if row["control"] == control]
        if own:
            fair, hard, longer = (
                mean_and_spread([row[name]["value"] for row in own])
                for name in ("accuracy", "adversarial", "prefers_longer")
            )
            lines.append(
                f"Control {control}: accuracy {fair} % on fair pairs, {hard} % where the right "
                f"answer is the shorter; prefers the longer in {longer} % of fair pairs. Mean and "
                f"range of {len(own)} seeds."
            )
    return lines


def curve_summary(curves: list[dict[str, Any]]) -> list[str]:
    lines = []
    for name in dict.fromkeys(entry["name"] for entry in curves):
        own = [entry["rows"] for entry in curves if entry["name"] == name]
        accuracy, preference = (
            [fmean(rows[place][key] for rows in own) for place in (0, -1)]
            for key in ("accuracy", "preference")
        )
        lines.append(
            f"Reward {name}: accuracy {100 * accuracy[0]:.0f} -> {100 * accuracy[1]:.0f} %, "
            f"preference reward {preference[0]:+.2f} -> {preference[1]:+.2f}. Mean of {len(own)} "
            "seeds."
        )
    return lines


def curve_table(curves: list[dict[str, Any]]) -> str:
    lines = [
        "| reward | seed | accuracy before | best | at the end | preference reward before | at the "
        "end | length at the end | cut off |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in curves:
        rows = entry["rows"]
        first, last = rows[0], rows[-1]
        best = max(row["accuracy"] for row in rows)
        lines.append(
            f"| {entry['name']} | {entry['seed']} | {interval(first)} | {100 * best:.1f} "
            f"| {interval(last)} | {first['preference']:+.2f} | {last['preference']:+.2f} "
            f"| {last['length']:.1f} | {100 * last['truncated']:.0f} % |"
        )
    return "\n".join(lines)


def interval(row: dict[str, Any]) -> str:
    low, high = row["ci95"]
    return f"{100 * row['accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def curve_listing(curves: list[dict[str, Any]]) -> str:
    """Accuracy (per cent) and preference reward by step, seed by seed."""
    steps = [row["step"] for row in curves[0]["rows"]]
    lines = [
        f"| reward | seed | {' | '.join(f'step {step}' for step in steps)} |",
        f"|---|---|{'---|' * len(steps)}",
    ]
    for entry in curves:
        cells = [f"{100 * r['accuracy']:.0f} / {r['preference']:+.2f}" for r in entry["rows"]]
        lines.append(f"| {entry['name']} | {entry['seed']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def page(bias: list[dict[str, Any]], curves: list[dict[str, Any]], seconds: float) -> str:
    fillers = QUALITY / LENGTH
    points = "\n".join(f"- {line}" for line in bias_summary(bias))
    found = "\n".join(f"- {line}" for line in curve_summary(curves))
    return f"""# Reward models: length bias, its control, and the hacking curve

The question is "max 3 8 5", the answer a line of filler words and a number; the last word must be
the largest digit. A byte-level model of about 100,000 weights imitates a writer who is right 7
times in 10. The judge prefers by sigmoid({QUALITY:g} right + {LENGTH:g} fillers): {fillers:g}
filler words outweigh a right answer. Nobody deserves anything for filler. 95 % intervals (Wilson);
all figures on held-out questions. {seconds / 60:.0f} minutes of one core. {environment_line()}

## A planted length bias, with and without the control

Reward models start from the writer's weights, one epoch. "Fair" pairs are a right and a wrong line
whose lengths know nothing of each other.

{points}

{bias_table(bias)}

## Reward up, accuracy down, and the last steps only

GRPO from the writer, 16 questions of 8 completions a step, {MAX_TOKENS} tokens at most; a line that
is cut off has no answer. The preference reward is tanh((score - mean) / spread) of the first
seed's model without control, which also gives the column "preference reward" for every arm.

{found}

{curve_table(curves)}

Accuracy in per cent / preference reward, by step:

{curve_listing(curves)}
"""


def once(path: Path, make: Callable[[], Any]) -> Any:
    """What ``make`` gives, kept in a file with its processor time, so that a study can go on."""
    if not path.is_file():
        started = time.process_time()
        value = make()
        path.write_text(json.dumps({"seconds": time.process_time() - started, "value": value}))
    return json.loads(path.read_text())["value"]


def seconds_of(folder: Path) -> float:
    """Processor time of everything that is kept in a folder."""
    return sum(json.loads(path.read_text())["seconds"] for path in folder.glob("*.json"))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="reward models")
    parser.add_argument("--rl-seeds", type=int, nargs="*", default=[0, 1], help="policies")
    parser.add_argument("--pairs", type=int, default=8000)
    parser.add_argument("--test-pairs", type=int, default=1000)
    parser.add_argument("--writer-updates", type=int, default=400)
    parser.add_argument("--steps", type=int, default=24, help="RL steps")
    parser.add_argument("--every", type=int, default=4, help="RL steps between probes")
    parser.add_argument("--probes", type=int, default=256, help="held-out questions of a probe")
    parser.add_argument("--out", type=Path, default=Path("runs/study-reward-models"))
    parser.add_argument("--resume", action="store_true", help="keep what is done in --out")
    parser.add_argument("--no-write", action="store_true", help="print only, leave docs/ alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=options.resume)
    writer = options.out / "writer"
    once(
        options.out / "writer.json",
        lambda: str(train_writer(writer, seed=0, updates=options.writer_updates)),
    )
    bias = []
    for seed in options.seeds:
        for control in CONTROLS:
            kept = options.out / f"bias-{control}-{seed}.json"
            bias.append(once(kept, lambda: bias_row(control, seed, options, writer)))  # noqa: B023
            print(bias_table(bias[-1:]).splitlines()[-1], flush=True)
    models = {row["control"]: Path(row["model"]) for row in bias[: len(CONTROLS)]}
    curves = []
    for seed in options.rl_seeds:
        for arm in arms_of(options.steps):
            kept = options.out / f"curve-{hash64(repr(arm), seed)}.json"
            rows = once(kept, lambda: curve(arm, seed, options, writer, models))  # noqa: B023
            curves.append({**asdict(arm), "seed": seed, "rows": rows})
            print(curve_listing(curves[-1:]).splitlines()[-1], flush=True)
    text = page(bias, curves, seconds_of(options.out))
    print(text)
    if not options.no_write:
        DOCS.mkdir(parents=True, exist_ok=True)
        (DOCS / "reward_models.md").write_text(text)
        bias = [{k: v for k, v in row.items() if k != "model"} for row in bias]
        figures = {"quality": QUALITY, "length": LENGTH, "bias": bias, "curves": curves}
        (DOCS / "reward_models.json").write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
