"""The <think>/<answer> format on SmolLM2: R1-Zero from the untouched model, and after a cold start.

Three runs a seed: R1-Zero (template r1_zero, reward accuracy + format) from the model as it is; a
small supervised cold start on worked word problems; reinforcement learning from there. Writes
docs/studies/think_format.{md,json} and prints the table.

    make study-think
    python studies/think_format.py --seeds 0 --gsm8k gsm8k_train.jsonl
"""

import argparse
from pathlib import Path

from common import HERE, Arm, environment_line, percent, run_arm, write_study

CONFIGS = HERE.parent / "configs"
SMALLER = [  # the config's own size takes a minute a step on two cores
    "grpo.problems_per_step=4",
    "grpo.group_size=8",
    "sampling.max_tokens=64",
    "grpo.reference_refresh_steps=0",
]


def arms_of_seed(seed: int, options: argparse.Namespace) -> list[Arm]:
    """Zero, cold start, and RL from the cold start."""
    common = [f"seed={seed}", f"eval.problems_per_task={options.problems}", "eval.every=0"]
    rl = [*common, f"grpo.steps={options.steps}"]
    out, resume = options.out, options.resume
    zero = run_arm(
        "R1-Zero, no cold start",
        CONFIGS / "r1_zero_smollm2.toml",
        seed,
        [*rl, f"grpo.steps={options.zero_steps}", *SMALLER],
        out,
        resume=resume,
    )
    cold = run_arm(
        "cold-start SFT", CONFIGS / "coldstart_sft_word_problems.toml", seed, common, out,
        resume=resume,
    )  # fmt: skip
    source = f"model.source={Path(cold.run_dir) / 'final'}"
    after = run_arm(
        "RL after cold start",
        CONFIGS / "word_problems_rl.toml",
        seed,
        [*rl, f"seed={1000 + seed}", source],
        out,
        resume=resume,
    )
    return [zero, cold, after]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=48, help="RL steps after the cold start")
    parser.add_argument("--zero-steps", type=int, default=6, help="R1-Zero steps")
    parser.add_argument("--problems", type=int, default=80, help="held-out problems")
    parser.add_argument("--gsm8k", type=Path, help="also run two steps on this GSM8K JSONL file")
    parser.add_argument("--out", type=Path, default=Path("runs/study-think"))
    parser.add_argument("--resume", action="store_true", help="keep runs that are done")
    parser.add_argument("--no-write", action="store_true", help="print only, leave docs/ alone")
    options = parser.parse_args()
    arms = [arm for seed in options.seeds for arm in arms_of_seed(seed, options)]
    lines = [
        f"{arm.name}, seed {arm.seed}: greedy {percent(arm.first['all/greedy'])} -> "
        f"{percent(arm.last['all/greedy'])} %, sampled {percent(arm.first['all/sampled'])} -> "
        f"{percent(arm.last['all/sampled'])} %."
        for arm in arms
    ]
    if options.gsm8k:
        settings = [f"tasks.0.path={options.gsm8k}", "grpo.steps=2", "sampling.max_tokens=96"]
        settings += ["reward.overlong.max_tokens=96", "reward.overlong.cache=32", "eval.every=0"]
        settings += ["eval.problems_per_task=24", "grpo.max_draws_per_step=1"]
        config = CONFIGS / "gsm8k_jsonl.toml"
        arms.append(run_arm("GSM8K, two steps", config, 0, settings, options.out))
    text = write_study(
        "think_format",
        title="The think/answer format on SmolLM2-135M, without and with a cold start",
        intro=(
            "One-step word problems in the R1-Zero template; right means right and inside "
            "`<answer>` after `</think>`. SmolLM2-135M-Instruct, dequantised from 4 bits: an "
            "instruct model, not a base. 95 % intervals (Wilson). " + environment_line()
        ),
        arms=arms,
        conclusions=lines,
        write=not options.no_write,
    )
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
