"""What a run will need and whether it can start: checks, memory, disk, time and tokens.

Starts nothing and writes nothing. Without calibration only formulae are used; with it, a few real
passes on the real model are timed. Every figure comes with the range it is believed to lie in.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cogitate import estimates
from cogitate.calibration import Calibration, calibrate
from cogitate.checks import Check, all_ok, check_lines
from cogitate.config import RunConfig
from cogitate.display.shapes import count, duration, percent, size
from cogitate.doctor import existing_parent, usable_processors
from cogitate.errors import CogitateError, ConfigError, DataError
from cogitate.estimates import Range
from cogitate.memory import MemoryEstimate, available_bytes, estimate_memory
from cogitate.models.config import ModelConfig
from cogitate.models.fetch import resolve_model
from cogitate.models.hf_config import read_config
from cogitate.models.info import count_parameters
from cogitate.registry import (
    build_chat,
    build_components,
    build_examples,
    build_rubric,
    resolve_device,
)
from cogitate.rewards.verification import verify
from cogitate.schema import Completion, FinishReason
from cogitate.tasks.mixture import Mixture, build_mixture
from cogitate.text.chat import Chat
from cogitate.text.tokenizer import Tokenizer
from cogitate.verdict import Status

CALIBRATED_UNCERTAINTY = 0.10
"""Relative error allowed for a peak that was measured at a smaller size and scaled."""
_PROBED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything known before a run starts. Ranges are (low, high); times are seconds.

    ``memory`` is bytes by purpose and ``peak`` its total; ``seconds`` splits the whole run by
    phase and has ``step`` and ``total``; both are empty where they could not be estimated.
    """

    name: str
    algorithm: str
    ok: bool
    checks: tuple[Check, ...]
    memory: Mapping[str, int]
    peak_bytes: Range | None
    available_bytes: int | None
    disk_bytes: int | None
    sampled_tokens: Range | None
    seconds: Mapping[str, Range]
    calibration: Mapping[str, float | None]


def plan_run(
    config: RunConfig,
    *,
    calibrate: bool = True,
    fetch: bool = False,
    run_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """Check a configuration against this machine and estimate what its run will take.

    A fault in a part is a failed check in the plan and not an exception, so that all faults are
    seen at once.

    Args:
        fetch: fetch the model if it is not in the cache.
        run_dir: where the run will write; ``config.run_dir`` when left out.
        progress: told in one line what is being done.
    """
    say = progress or (lambda line: None)
    planner = _Planner(config, run_dir or config.run_dir)
    planner.check("model", lambda: planner.find_model(offline=not fetch, say=say))
    planner.check("tasks", planner.build_tasks)
    planner.check("prompts", planner.check_prompts)
    planner.check("rewards", planner.check_rewards)
    planner.check("run directory", planner.check_run_dir)
    if calibrate and planner.can_calibrate:
        say("timing a few passes on the real model")
        planner.check("calibration", planner.calibrate)
    planner.check("memory", planner.check_memory)
    planner.check("disk", planner.check_disk)
    return planner.plan()


class _Planner:
    """The checks in order; later ones use what earlier ones found, where they found it."""

    def __init__(self, config: RunConfig, run_dir: Path) -> None:
        self.config = config
        self.run_dir = run_dir
        self.checks: list[Check] = []
        self.model_dir: Path | None = None
        self.model: ModelConfig | None = None
        self.mixture: Mixture | None = None
        self.chat: Chat | None = None
        self.longest_prompt = 0
        self.disk: int | None = None
        self.estimate: MemoryEstimate | None = None
        self.calibration: Calibration | None = None

    @property
    def can_calibrate(self) -> bool:
        """Whether everything that a pass needs is there and nothing failed."""
        return self.longest_prompt > 0 and all_ok(self.checks)

    def check(self, name: str, step: Callable[[], Check | None]) -> None:
        """Do one step; an error of ours becomes a failed check with its own message."""
        try:
            found = step()
        except CogitateError as error:
            found = Check(name=name, status="fail", seen=str(error))
        if found is not None:
            self.checks.append(found)

    def find_model(self, *, offline: bool, say: Callable[[str], None]) -> Check:
        source = self.config.model.source
        try:
            self.model_dir = resolve_model(source, offline=offline, progress=say)
        except DataError as error:
            if not offline:
                raise
            advice = f"cogitate model fetch {source}, or add --fetch."
            return Check(name="model", status="fail", seen=str(error), advice=advice)
        self.model = read_config(self.model_dir)
        total, _ = count_parameters(self.model)
        seen = f"{source}, {self.model.family}, {count(total)} parameters"
        return Check(name="model", status="ok", seen=seen)

    def build_tasks(self) -> Check:
        """Build all tasks, and let each grade its own worked solutions."""
        self.mixture = build_mixture(self.config.tasks, self.config.seed)
        wrong: list[str] = []
        for name, task in self.mixture.tasks.items():
            for problem in self.mixture.held_out(name, min(8, self.config.eval.problems_per_task)):
                _, answer = ("", "") if problem.answer is None else task.solution(problem)
                if answer:
                    verdict = verify(task, problem, answer)
                    wrong += [] if verdict.status is Status.CORRECT else [problem.id]
        if wrong:
            raise DataError(
                f"{len(wrong)} problems do not accept their own gold answer, first {wrong[0]}. "
                "Look at them: cogitate data show."
            )
        sizes = [_size_text(name, task.size("train")) for name, task in self.mixture.tasks.items()]
        return Check(name="tasks", status="ok", seen=", ".join(sizes))

    def check_prompts(self) -> Check | None:
        """Render prompts, measure them, and compare with the model's context."""
        if self.model_dir is None or self.mixture is None or self.model is None:
            return None
        self.chat = build_chat(Tokenizer.from_directory(self.model_dir), self.config.template)
        problems = [self.mixture.problem("train", index) for index in range(_PROBED)]
        prompts = [self.chat.render_prompt(problem) for problem in problems]
        if self.config.algorithm == "sft":
            build_examples(self.config, self.mixture, self.chat)(0)
        self.longest_prompt = max(len(prompt.token_ids) for prompt in prompts)
        need = self.longest_prompt + self.config.sampling.max_tokens
        limit = self.model.max_position
        if need > limit:
            raise ConfigError(
                f"prompts of up to {self.longest_prompt} tokens and sampling.max_tokens = "
                f"{self.config.sampling.max_tokens} need {need} positions, but the model has "
                f"{limit}. Lower sampling.max_tokens."
            )
        seen = (
            f"template {self.config.template.name}, up to {self.longest_prompt} tokens and "
            f"{self.config.sampling.max_tokens} for the completion (context {limit})"
        )
        return Check(name="prompts", status="ok", seen=seen)

    def check_rewards(self) -> Check | None:
        """Build the rubric, users' rewards and models included, and let it score a completion."""
        if self.mixture is None or self.chat is None or self.config.algorithm != "grpo":
            return None
        rubric = build_rubric(self.config, self.mixture, self.chat)
        try:
            problem = self.mixture.problem("train", 0)
            task = self.mixture.tasks[problem.task]
            text = "" if problem.answer is None else task.solution(problem)[1]
            completion = Completion(
                token_ids=(0,), logprobs=(0.0,), text=text, finish_reason=FinishReason.STOP
            )
            (reward,) = rubric.score(problem, [completion])
        finally:
            rubric.close()
        if reward.error is not None:
            advice = "Every completion like this one will be left out. Try: cogitate reward test"
            return Check(name="rewards", status="warn", seen=reward.error, advice=advice)
        parts = ", ".join(f"{name} {value:g}" for name, value in reward.parts.items())
        return Check(name="rewards", status="ok", seen=f"a first answer gets {parts}")

    def check_run_dir(self) -> Check:
        path = self.run_dir
        if (path / "metrics.jsonl").exists():
            advice = "Add --resume to continue it, or --set name=ANOTHER to start a new one."
            return Check(
                name="run directory", status="warn", seen=f"{path} holds a run", advice=advice
            )
        return Check(name="run directory", status="ok", seen=str(path))

    def calibrate(self) -> Check:
        assert self.model_dir is not None
        components = build_components(self.config, model_dir=self.model_dir)
        try:
            found = self.calibration = calibrate(components, self.config)
        finally:
            components.close()
        seen = (
            f"{count(found.rollout_tokens_per_second)} tokens/s sampled, "
            f"{count(found.update_tokens_per_second)} tokens/s trained, "
            f"{found.length_mean:.0f} tokens a completion, in {duration(found.seconds)}"
        )
        if found.uninformative == 1.0:
            accuracy = percent(found.accuracy)
            advice = (
                f"All {found.config.grpo.problems_per_step} groups had equal rewards (accuracy "
                f"{accuracy}), and such groups teach nothing. Expect a slow start, or change the "
                "difficulty or the template, or start with sft."
            )
            return Check(name="calibration", status="warn", seen=seen, advice=advice)
        return Check(name="calibration", status="ok", seen=seen)

    def check_memory(self) -> Check | None:
        if self.model is None:
            return None
        self.estimate = self._estimate(self.model)
        if self._runs_on_gpu():
            return self._check_gpu_memory(self.estimate)
        low, high = self.estimate.interval
        free = available_bytes()
        seen = f"{size(self.estimate.peak)} ({size(low)} to {size(high)})"
        if free is None:
            return Check(name="memory", status="ok", seen=seen)
        # While this process lives, what calibration took is part of what is not free.
        seen += f" of {size(free)} free"
        advice = "Lower grpo.micro_batch_tokens or engine.slots, or set kl_coef = 0."
        if low > free:
            return Check(name="memory", status="fail", seen=seen, advice=advice)
        if high > free:
            return Check(name="memory", status="warn", seen=seen, advice=advice)
        return Check(name="memory", status="ok", seen=seen)

    def _runs_on_gpu(self) -> bool:
        return resolve_device(self.config.model.device).startswith("cuda")

    def _check_gpu_memory(self, estimate: MemoryEstimate) -> Check:
        import torch

        free, total = torch.cuda.mem_get_info()
        low, high = estimate.interval
        seen = f"{size(estimate.peak)} of {size(free)} free on the GPU ({size(total)})"
        advice = "Lower grpo.micro_batch_tokens or engine.slots."
        status = "fail" if low > free else "warn" if high > free else "ok"
        return Check(
            name="memory", status=status, seen=seen, advice="" if status == "ok" else advice
        )

    def _estimate(self, model: ModelConfig) -> MemoryEstimate:
        """The formulae, moved to the measured peak where there is one."""
        prompt = max(self.longest_prompt, 1)
        full = estimate_memory(model, self.config, prompt_tokens=prompt)
        found = self.calibration
        if found is None or found.peak_bytes == 0 or self._runs_on_gpu():
            return full
        short = estimate_memory(
            model, found.config, prompt_tokens=prompt, trained_tokens=found.trained_tokens
        )
        unexplained = found.peak_bytes - short.peak
        # What the formulae missed at the small size is missing at the full size too.
        parts = {**full.parts, "program": max(0, full.parts["program"] + unexplained)}
        return replace(full, parts=parts, uncertainty=CALIBRATED_UNCERTAINTY)

    def check_disk(self) -> Check | None:
        if self.model is None:
            return None
        need = self.disk = estimates.disk_bytes(
            self.config, self.model, self.calibration, prompt_tokens=self.longest_prompt
        )
        folder = existing_parent(self.run_dir)
        free = shutil.disk_usage(folder).free
        seen = f"{size(need)} of {size(free)} free in {folder}"
        if need > free:
            advice = "Lower checkpoint.keep, or set output_dir to a larger disk."
            return Check(name="disk", status="fail", seen=seen, advice=advice)
        return Check(name="disk", status="ok", seen=seen)

    def plan(self) -> Plan:
        """What was found."""
        estimate, found = self.estimate, self.calibration
        return Plan(
            name=self.config.name,
            algorithm=self.config.algorithm,
            ok=all_ok(self.checks),
            checks=tuple(self.checks),
            memory=dict(estimate.parts) if estimate else {},
            peak_bytes=estimate.interval if estimate else None,
            available_bytes=available_bytes(),
            disk_bytes=self.disk,
            sampled_tokens=estimates.sampled_tokens(self.config, found),
            seconds=(
                estimates.run_seconds(self.config, self.model, found)
                if found is not None and self.model is not None
                else {}
            ),
            calibration={} if found is None else {
                "rollout_tokens_per_second": found.rollout_tokens_per_second,
                "update_tokens_per_second": found.update_tokens_per_second,
                "update_fixed_seconds": found.update_fixed_seconds,
                "prompt_mean": found.prompt_mean,
                "length_mean": found.length_mean,
                "accuracy": found.accuracy,
                "uninformative_fraction": found.uninformative,
                "peak_bytes": found.peak_bytes,
                "seconds": found.seconds,
            },
        )  # fmt: skip


def _size_text(name: str, number: int | None) -> str:
    return name if number is None else f"{name} ({number} problems)"


def plan_text(plan: Plan) -> str:
    """The plan for a reader."""
    lines = [f"Plan of {plan.name} ({plan.algorithm})", "", *check_lines(plan.checks)]
    if plan.memory:
        named = sorted(plan.memory.items(), key=lambda part: -part[1])
        lines += ["", "Memory at the peak"]
        lines += [f"  {name:<12} {size(value):>9}" for name, value in named if value]
    if plan.sampled_tokens:
        low, high = plan.sampled_tokens
        kind = "measured lengths" if plan.calibration else "at most"
        shown = f"{count(low)} to {count(high)}" if plan.calibration else count(high)
        lines += ["", f"Tokens sampled: {shown} ({kind})"]
    if plan.seconds:
        lines += ["", f"Time on {usable_processors()} processors"]
        for name, (low, high) in plan.seconds.items():
            lines.append(f"  {name:<12} {duration(low)} to {duration(high)}")
    elif plan.ok:
        lines += ["", "Time: not estimated without calibration."]
    lines += ["", "Ready." if plan.ok else "Not ready: fix the lines marked fail."]
    return "\n".join(lines)
