"""Makes a realistic run directory without training anything: the shapes of a real run, numbers from
a hash, hostile text in a few completions. The same arguments give the same bytes.

``python tests/synthetic_run.py DIRECTORY`` writes one to look at.
"""

import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

HOSTILE = (
    "<script>alert('owned')</script>",
    "</script><img src=x onerror=alert(1)>",
    "\x1b[2J\x1b]0;title\x07 cleared?",
    "\u202egnp.exe\u202c 42",
    "<!-- --><style>body{display:none}</style>",
    "javascript:alert(1) &amp; &lt;b&gt; \ud83d \x00",
    "שלום 42",
)

SKILL = {"largest": (0.23, 0.93), "addition": (0.33, 0.78), "word_problem": (0.08, 0.64)}

CONFIG = """name = "{name}"
seed = 0
algorithm = "{algorithm}"

[model]
source = "smollm2-135m"
dtype = "float32"

[template]
name = "qa"

[[tasks]]
kind = "extremes"
name = "largest"

[[tasks]]
kind = "arithmetic"
name = "addition"

[[tasks]]
kind = "word_problems"
name = "word_problem"

[reward]
accuracy = 1.0
format = 0.2
random = 0.0

[sampling]
max_tokens = 64

[grpo]
steps = {planned}
problems_per_step = 12
group_size = 8

[grpo.loss]
kind = "{loss}"
clip_high = 0.28

[sft]
steps = {planned}
"""


def chance(*parts: Any) -> float:
    """A number in [0, 1) fixed by its arguments."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48


def skill(task: str, progress: float, mode: str) -> float:
    """Accuracy at ``progress`` in [0, 1] of the run: a logistic rise; sampling starts lower."""
    low, high = SKILL[task]
    if mode != "greedy":
        low, high = 0.35 * low, high - 0.06
    return low + (high - low) / (1 + math.exp(-10 * (progress - 0.4)))


def problem(task: str, split: str, index: int) -> dict[str, str]:
    """Question and gold answer of one problem."""
    a, b = (int(10 + 89 * chance(task, split, index, k)) for k in "ab")
    numbers = [int(10 + 989 * chance(task, split, index, k)) for k in range(5)]
    question, gold = {
        "largest": (f"Which number is the largest: {', '.join(map(str, numbers))}?", max(numbers)),
        "addition": (f"What is {a} + {b}?", a + b),
        "word_problem": (
            f"A baker has {a} rolls and bakes {b} more. She sells {a // 2}. How many are left?",
            a + b - a // 2,
        ),
    }[task]
    return {"id": f"{task}/{split}/{index:05d}", "question": question, "gold": str(gold)}


def completion(task: str, gold: str, right: bool, progress: float, key: str) -> str:
    """What the policy writes: rambling at first, short and sometimes checking itself later."""
    answer = gold if right else str(int(gold) + 1 + int(9 * chance(key, "off")))
    draw = chance(key, "style")
    if draw > 0.985:
        return HOSTILE[int(len(HOSTILE) * chance(key, "hostile"))]
    if task == "word_problem":
        wrong = int(gold) + 3
        if draw < 0.1 + 0.55 * progress:
            return (
                f" First she has {gold} + 3 = {wrong} rolls. Wait, let me check: "
                f"{wrong} - 3 = {answer}. The answer is {answer}."
            )
        return f" She sold some, so {answer}."
    if draw > 0.3 + 0.7 * progress:
        return f" The answer is the number that is asked for, which is {answer}. But"
    return f" {answer}"


def row(task: str, split: str, index: int, step: int, progress: float, mode: str, sample: int,
        policy_version: int) -> dict[str, Any]:  # fmt: skip
    """One rollout row as a run writes it."""
    asked = problem(task, split, index)
    key = f"{asked['id']}/{step if split == 'train' else 'fixed'}/{mode}/{sample}"
    right = chance(key, "right") < skill(task, progress, mode)
    text = completion(task, asked["gold"], right, progress, key)
    failed = mode == "train" and chance(key, "error", step) > 0.997
    truncated = text.endswith("But")
    number = len(text) // 4 + 2
    accuracy = float(right and text not in HOSTILE)
    return {
        "step": step,
        "problem_id": asked["id"],
        "task": task,
        "sample": sample,
        "question": asked["question"],
        "prompt": f"Q: {asked['question']}\nA:",
        "completion": text,
        "prompt_ids": [1, 2, 3],
        "completion_ids": list(range(number)),
        "logprobs": [-0.5] * number,
        "reward": accuracy + 0.2 * (not truncated),
        "parts": {} if failed else {"accuracy": accuracy, "format": float(not truncated)},
        "error": "TimeoutError: the verifier took 5 s" if failed else None,
        "parsed_answer": None if text in HOSTILE else text.split()[-1].rstrip("."),
        "gold": asked["gold"],
        "difficulty": 1 + index % 2 if task == "word_problem" else 5,
        "finish_reason": "length" if truncated else "stop",
        "policy_version": policy_version,
        "advantage": round(accuracy - 0.5, 3) if split == "train" else None,
        **({} if split == "train" else {"format_ok": not truncated, "mode": mode}),
    }  # fmt: skip


def wilson(p: float, n: int) -> list[float]:
    centre, half = p + 1.92 / n, 1.96 * math.sqrt(p * (1 - p) / n + 0.96 / n / n)
    return [max(0.0, (centre - half) / (1 + 3.84 / n)), min(1.0, (centre + half) / (1 + 3.84 / n))]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in rows)
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def evaluation(step: int, progress: float, problems: int) -> list[dict[str, Any]]:
    """Rollouts of one evaluation."""
    return [
        row(task, "heldout", index, step, progress, mode, sample, step)
        for mode, samples in (("greedy", 1), ("sampled", 4))
        for task in SKILL
        for index in range(problems)
        for sample in range(samples)
    ]


def eval_rows(step: int, rollouts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``evals.jsonl`` rows of one evaluation."""
    found = []
    for mode, samples in (("greedy", 1), ("sampled", 4)):
        for task in (*SKILL, "all"):
            own = [r for r in rollouts if r["mode"] == mode and task in ("all", r["task"])]
            value = sum(r["parts"]["accuracy"] for r in own) / len(own)
            number = len({r["problem_id"] for r in own})
            found.append(
                {
                    "step": step,
                    "task": task,
                    "mode": mode,
                    "metric": "accuracy",
                    "value": value,
                    "ci95": wilson(value, number),
                    "num_problems": number,
                    "samples_per_problem": samples,
                    "truncated": sum(r["finish_reason"] == "length" for r in own) / len(own),
                }
            )
    return found


def metric_row(step: int, progress: float, rollouts: list[dict[str, Any]]) -> dict[str, Any]:
    """One ``metrics.jsonl`` row, computed from the step's rollouts where possible."""
    groups: dict[str, list[float]] = {}
    for entry in rollouts:
        groups.setdefault(entry["problem_id"], []).append(entry["reward"])
    lengths = sorted(len(entry["completion_ids"]) for entry in rollouts)
    rewards = [entry["reward"] for entry in rollouts]
    judged = [entry for entry in rollouts if entry["error"] is None]
    noise = chance("noise", step) - 0.5
    equal = [values for values in groups.values() if len(set(values)) == 1]
    mean = sum(rewards) / len(rewards)
    by_task = {
        f"task/{task}/accuracy": sum(own) / len(own)
        for task in SKILL
        if (own := [e["parts"]["accuracy"] for e in judged if e["task"] == task])
    }
    return {
        "step": step,
        "policy_version": step,
        "reward/mean": mean,
        "reward/std": 0.4,
        "reward/accuracy": sum(e["parts"]["accuracy"] for e in judged) / len(judged),
        "reward/format": sum(e["parts"]["format"] for e in judged) / len(judged),
        "reward/verifier_error": 1 - len(judged) / len(rollouts),
        "completion/length_mean": sum(lengths) / len(lengths),
        "completion/length_p95": float(lengths[int(0.95 * (len(lengths) - 1))]),
        "completion/truncated_fraction": sum(e["finish_reason"] == "length" for e in rollouts)
        / len(rollouts),
        "group/uninformative_fraction": len(equal) / len(groups),
        "group/all_wrong_fraction": sum(max(v) < 1 for v in equal) / len(groups),
        "group/all_right_fraction": sum(max(v) >= 1 for v in equal) / len(groups),
        "policy/entropy": 1.9 * math.exp(-2.2 * progress) + 0.1 * noise,
        "policy/grad_norm": 1.2 + 3 * progress + noise,
        "policy/kl_ref": 0.4 * progress * progress,
        "policy/ratio_outside_clip": 0.0,
        "policy/loss": 0.0,
        "policy/learning_rate": 1e-5 * min(1.0, step / 3),
        "policy/skipped_nonfinite": 0.0,
        "engine/mismatch_nats": 2e-7 * noise,
        "insight/reflection_per_1k": 4.0,
        **by_task,
        "tokens/prompt": 3.0 * len(rollouts),
        "tokens/completion": float(sum(lengths)),
        "tokens/trained": 0.7 * sum(lengths),
    }


def timing_row(step: int, tokens: float) -> dict[str, Any]:
    evaluated = step % 5 == 0
    split = {
        "rollout": 2.1 + 0.3 * chance("t", step),
        "reward": 0.02,
        "update": 2.9 + 0.4 * chance("u", step),
        "eval": 4.2 if evaluated else 0.0,
        "checkpoint": 0.8 if step % 10 == 0 else 0.0,
    }
    total = sum(split.values()) + 0.05
    return {
        "step": step,
        "seconds": {**split, "total": total},
        "tokens_per_second": round(tokens / split["rollout"], 1) if step else None,
        "peak_memory_mb": 3400 + step,
    }


def make_run(
    path: Path,
    *,
    steps: int = 40,
    planned: int = 40,
    eval_every: int = 5,
    problems: int = 40,
    algorithm: str = "grpo",
    rollouts: bool = True,
    evals: bool = True,
    loss: str = "grpo",
    strength: float = 1.0,
) -> Path:
    """Write a run directory and return it. ``strength`` scales how much it learns."""
    (path / "rollouts").mkdir(parents=True)
    config = CONFIG.format(name=path.name, algorithm=algorithm, planned=planned, loss=loss)
    (path / "config.toml").write_text(config)
    environment = {
        "python": "3.11.9", "cpu": "Example CPU", "cores": 2, "threads": 2, "host": "secret-host",
        "packages": {"torch": "2.13.0"}, "started": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    (path / "environment.json").write_text(json.dumps(environment))
    metrics, timing, results = [], [timing_row(0, 0.0)], []
    for step in range(steps + 1):
        progress = strength * step / planned
        if evals and step % eval_every == 0:
            found = evaluation(step, progress, problems)
            results += eval_rows(step, found)
            write_jsonl(path / "rollouts" / f"eval-{step:06d}.jsonl", found)
        if step == 0:
            continue
        sampled = [
            row(task, "train", 12 * step + i, step, progress, "train", sample, step - 1)
            for i, task in enumerate(list(SKILL) * 4)
            for sample in range(8)
        ]
        entry = metric_row(step, progress, sampled)
        if algorithm == "sft":
            entry = {k: v for k, v in entry.items() if k.startswith(("step", "policy", "tokens"))}
            entry["policy/loss"] = 2.0 * math.exp(-2 * progress)
        elif rollouts:
            write_jsonl(path / "rollouts" / f"{step:06d}.jsonl", sampled)
        metrics.append(entry)
        timing.append(timing_row(step, entry["tokens/completion"]))
    write_jsonl(path / "metrics.jsonl", metrics)
    write_jsonl(path / "timing.jsonl", timing)
    if evals:
        write_jsonl(path / "evals.jsonl", results)
    if steps == planned:
        (path / "final").mkdir()
    return path


if __name__ == "__main__":
    print(make_run(Path(sys.argv[1])))
