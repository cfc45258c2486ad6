"""The outer loop of both algorithms: draw, step, write down, evaluate, save; and all of it again.

    step s:  draw -> grpo_step | sft_step -> metrics, rollouts -> evaluate if due -> save if due

An evaluation at step 0 comes first and one at the last step comes last. A run that was interrupted
anywhere and resumed writes the same bytes and ends with the same weights as one that was not:
every draw is a function of the seed and of counters, the counters are in the checkpoint, and files
are cut back to it.
"""

import logging
import shlex
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from cogitate.config import RunConfig, config_to_toml
from cogitate.errors import CheckpointError, ConfigError
from cogitate.filesystem import crash_point
from cogitate.metrics import Stopwatch, read_rows
from cogitate.rundir import RunDir, describe_environment
from cogitate.schema import EvalResult, Problem, SamplingParams, StepReport
from cogitate.tasks.hashing import hash64
from cogitate.trackers import open_trackers
from cogitate.train.components import Components, ExampleSource
from cogitate.train.drawing import fits, fitting
from cogitate.train.evaluate import ALL, evaluate, evaluation_seed, held_out_problems
from cogitate.train.final import save_final
from cogitate.train.grpo import grpo_step
from cogitate.train.interrupts import StopRequest, stop_requests
from cogitate.train.listener import Listener, RunInfo, RunResult, SilentListener, Status
from cogitate.train.pace import Pace, is_due, times_due
from cogitate.train.recorder import Recorder, first_and_last_evals
from cogitate.train.resume import LoopState, discard_after, seed_everything
from cogitate.train.rollout_rows import step_rows
from cogitate.train.saver import Saver
from cogitate.train.sft import sft_step
from cogitate.train.stopping import count_failures

logger = logging.getLogger(__name__)
T = TypeVar("T")


def train(
    components: Components,
    config: RunConfig,
    run_dir: RunDir,
    *,
    resume: bool = False,
    listener: Listener | None = None,
    max_seconds: float | None = None,
) -> RunResult:
    """Train until the configured number of steps, a signal, or the end of a time budget.

    The first SIGINT or SIGTERM finishes the step and saves; the second raises KeyboardInterrupt.

    Args:
        run_dir: open, so that this process is its only writer.
        resume: continue from the newest checkpoint that verifies; without one, start over.
        max_seconds: wall-clock budget of the whole run, earlier attempts included. The run stops
            early enough for the last evaluation to fit, saves, and can be resumed with a larger
            budget.

    Raises:
        CheckpointError: the checkpoint is of another configuration, or there is no room to save.
        DivergedError: no finite gradient for several steps in a row.
        RewardError: no completion could be verified for several steps in a row.
    """
    with stop_requests() as stop:
        loop = TrainingLoop(
            components,
            config,
            run_dir,
            listener=listener or SilentListener(),
            stop=stop,
            max_seconds=max_seconds,
        )
        try:
            return loop.run(resume=resume)
        finally:
            loop.record.close()


class TrainingLoop:
    """One run from its first step, or from its newest checkpoint, to its end."""

    def __init__(
        self,
        components: Components,
        config: RunConfig,
        run_dir: RunDir,
        *,
        listener: Listener,
        stop: StopRequest,
        max_seconds: float | None,
    ) -> None:
        self.components = components
        self.placement = components.placement
        self.config = config
        self.run_dir = run_dir
        self.listener = listener
        self.stop = stop
        self.max_seconds = max_seconds
        self.state = LoopState()
        self.record = Recorder(run_dir, listener)
        self.saver = Saver(components.placement, config, run_dir)
        self.pace = Pace()
        self.held_out: dict[str, list[Problem]] = {}
        self._started = time.monotonic()
        self._seconds_before = 0.0

    def run(self, *, resume: bool) -> RunResult:
        """Restore, train, finish."""
        seed_everything(self.config.seed)
        restored = self._restore() if resume else []
        # Not before: a configuration that the checkpoint refuses must not replace the run's own.
        self.run_dir.describe(config_to_toml(self.config), describe_environment(self.config.seed))
        notices = [*self.run_dir.notices, *restored]
        self.saver.require_space()
        held_out = held_out_problems(self.components.mixture, self.config.eval.problems_per_task)
        self.held_out = {name: [p for p in ps if self._fits(p)] for name, ps in held_out.items()}
        self.record.trackers = open_trackers(
            self.config.trackers,
            name=self.config.name,
            directory=self.run_dir.path,
            config=self.config.model_dump(mode="json"),
        )
        for notice in notices:
            logger.info("%s", notice)
        self.listener.started(self._info(notices))
        if self.state.last_eval_step < 0:
            self._first_evaluation()
        while (status := self._ending()) is None:
            self._step(self.state.step + 1)
        return self._finish(status)

    # ------------------------------------------------------------------------------ beginning

    def _restore(self) -> list[str]:
        """Load the newest good checkpoint and cut the files back to it; say what was found."""
        checkpoint, refusals, changes = self.saver.restore()
        notices = [f"Checkpoint refused: {refusal.reason}" for refusal in refusals]
        if checkpoint is None:
            discard_after(self.run_dir, step=-1, eval_step=-1)
            return [*notices, "There is no checkpoint to resume from: starting at step 1."]
        self.state = LoopState.from_json(checkpoint.state)
        self._seconds_before = self.state.seconds
        discard_after(self.run_dir, step=self.state.step, eval_step=self.state.last_eval_step)
        self.record.remember()
        self.pace.remember(read_rows(self.run_dir.timing))
        notices += [
            f"Changed since step {checkpoint.step}: {name} is {new!r} and was {old!r}."
            for name, (old, new) in changes.items()
        ]
        return [*notices, f"Resuming from {checkpoint.path}."]

    def _info(self, notices: list[str]) -> RunInfo:
        return RunInfo(
            name=self.config.name,
            run_dir=self.run_dir.path,
            algorithm=self.config.algorithm,
            steps=self.config.steps,
            first_step=self.state.step + 1,
            eval_every=self.config.eval.every,
            checkpoint_every=self.config.checkpoint.every,
            tasks=tuple(self.components.mixture.tasks),
            notices=tuple(notices),
        )

    def _first_evaluation(self) -> None:
        clock = Stopwatch(time.monotonic)
        with clock("total"), clock("eval"):
            self._evaluate(0)
        self.record.timing(0, {}, clock.seconds)

    # ------------------------------------------------------------------------------- one step

    def _step(self, step: int) -> None:
        clock, last = Stopwatch(time.monotonic), self.config.steps
        started = time.monotonic()
        with clock("total"):
            self.listener.phase("step")
            report = self._train_step(step)
            metrics = self._record(report)
            self.pace.record("step", time.monotonic() - started)
            if is_due(self.config.eval.every, step, last=last):
                with clock("eval"):
                    self._evaluate(step)
            if self.stop.save or is_due(self.config.checkpoint.every, step, last=last):
                with clock("checkpoint"):
                    self._save_if_possible()
        self.record.timing(step, metrics, {**report.seconds, **clock.seconds})

    def _train_step(self, step: int) -> StepReport:
        if self.config.algorithm == "sft":
            examples = self._draw(self._examples(), self.config.sft.batch_size)
            pad_id = self.components.chat.pad_id
            return sft_step(step, examples, placement=self.placement, pad_id=pad_id)
        settings = self.config.grpo
        self.components.rubric.at_step(step, last=self.config.steps)
        report = grpo_step(
            step,
            self._draw_problems,
            rubric=self.components.rubric,
            chat=self.components.chat,
            placement=self.placement,
            config=settings,
            sampling=self._sampling(step),
        )
        if settings.reference_refresh_steps and step % settings.reference_refresh_steps == 0:
            self.placement.refresh_reference()
        return report

    def _draw_problems(self, count: int) -> list[Problem]:
        source = partial(self.components.mixture.problem, "train")
        return list(islice(fitting(lambda: self._draw(source, 1)[0], self._fits), count))

    def _fits(self, problem: Problem) -> bool:
        chat, engine = self.components.chat, self.placement.engine
        return fits(problem, chat=chat, engine=engine, max_tokens=self.config.sampling.max_tokens)

    def _draw(self, source: Callable[[int], T], count: int) -> list[T]:
        """The next ``count`` of an endless numbered source; the cursor moves on."""
        start = self.state.cursor
        self.state.cursor += count
        return [source(index) for index in range(start, start + count)]

    def _examples(self) -> ExampleSource:
        if self.components.examples is None:
            raise ConfigError(
                'algorithm = "sft" needs examples, and these components have none. '
                "Build them with registry.build_components from a configuration that says sft."
            )
        return self.components.examples

    def _sampling(self, step: int) -> SamplingParams:
        settings, chat = self.config.sampling, self.components.chat
        return SamplingParams(
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            stop_token_ids=tuple(chat.stop_token_ids),
            stop_strings=tuple(chat.stop_strings),
            seed=hash64("rollouts", self.config.seed, step),
        )

    def _record(self, report: StepReport) -> dict[str, float]:
        """Write the step down, then count what failed in it."""
        rollouts = step_rows(report.step, report.groups, self.components.chat, self.config.grpo)
        self.state.step = report.step
        metrics = self.record.step(report, rollouts, eta=self._eta())
        updates = self.config.grpo.updates_per_step if self.config.algorithm == "grpo" else 1
        count_failures(self.state, metrics, updates=updates)
        return metrics

    def _evaluate(self, step: int) -> None:
        """Evaluate on the held-out problems and write results and rollouts down."""
        self.listener.phase("eval")
        started = time.monotonic()
        results, rows = evaluate(
            self.held_out,
            rubric=self.components.rubric,
            chat=self.components.chat,
            engine=self.placement.engine,
            step=step,
            config=self.config.eval,
            max_tokens=self.config.sampling.max_tokens,
            seed=evaluation_seed(self.config.seed),
        )
        self.record.evaluation(step, results, rows)
        self.state.last_eval_step = step
        self.state.best = better(self.state.best, results)
        self.pace.record("eval", time.monotonic() - started)

    # --------------------------------------------------------------------------------- saving

    def _save_if_possible(self) -> None:
        """A periodic save: a full disk costs the checkpoint, not the run."""
        try:
            self._save()
        except CheckpointError as error:
            if not self.saver.weights_are_finite():
                raise
            logger.error("%s", error)
            self.listener.advice(str(error))

    def _save(self) -> None:
        self.listener.phase("checkpoint")
        started = time.monotonic()
        self.record.sync()
        self.state.seconds = self._seconds()
        path = self.saver.save(self.state)
        self.stop.save = False
        self.pace.record("save", time.monotonic() - started)
        self.listener.checkpointed(path)

    # --------------------------------------------------------------------------------- ending

    def _ending(self) -> Status | None:
        """Why no further step should start, or None."""
        if self.stop.signal is not None:
            return "interrupted"
        if self.state.step >= self.config.steps:
            return "completed"
        if self.max_seconds is not None:
            closing = self.pace.typical("eval") + self.pace.typical("save")
            if self._seconds() + self.pace.typical("step") + closing > self.max_seconds:
                return "time_budget"
        return None

    def _finish(self, status: Status) -> RunResult:
        """Save what is not saved yet, and the model unless the run was interrupted."""
        if not self.saver.has_saved(self.state.step):
            self._save()
        final_dir = None
        if status != "interrupted":
            # After the save: a resume then drops this evaluation if it was not on the schedule.
            if self.state.last_eval_step < self.state.step:
                self._evaluate(self.state.step)
            final_dir = self._save_final()
        first, last = first_and_last_evals(self.run_dir)
        result = RunResult(
            run_dir=self.run_dir.path,
            status=status,
            exit_code=self.stop.exit_code if status == "interrupted" else 0,
            step=self.state.step,
            steps=self.config.steps,
            first_evals=first,
            last_evals=last,
            checkpoint=self.saver.newest,
            final_dir=final_dir,
            resume_command=None if status == "completed" else self._resume_command(),
            seconds=self._seconds(),
            skipped_updates=self.state.skipped_updates,
            unverified_steps=self.state.unverified_steps,
            best=self.state.best,
        )
        self.listener.finished(result)
        return result

    def _save_final(self) -> Path:
        self.listener.phase("final")
        first, last = first_and_last_evals(self.run_dir)
        crash_point("final")
        return save_final(
            self.run_dir.final,
            self.saver.model,
            source=self.components.source,
            config=self.config,
            step=self.state.step,
            first=first,
            last=last,
        )

    def _resume_command(self) -> str:
        command = f"cogitate run {shlex.quote(str(self.run_dir.config))} --resume"
        if self.run_dir.path != self.config.run_dir:
            command += f" --run-dir {shlex.quote(str(self.run_dir.path))}"
        return command

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._started

    def _eta(self) -> float | None:
        done, last = self.state.step, self.config.steps
        left = self.pace.eta(
            steps=last - done,
            evals=times_due(self.config.eval.every, after=done - 1, last=last),
            saves=times_due(self.config.checkpoint.every, after=done - 1, last=last),
        )
        if left is None or self.max_seconds is None:
            return left
        return min(left, max(0.0, self.max_seconds - self._seconds()))


def better(best: dict[str, float], results: list[EvalResult]) -> dict[str, float]:
    """The best accuracy over all tasks so far and its step.

    Of the modes evaluated the last counts: the sampled one if there is one, since that is what
    training improves.
    """
    overall = [result for result in results if result.task == ALL]
    if not overall or overall[-1].value <= best.get("accuracy", -1.0):
        return best
    return {"accuracy": overall[-1].value, "step": overall[-1].step}
