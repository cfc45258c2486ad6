"""Training a reward model from beginning to end: epochs, checkpoints, held-out figures, saving.

    step s:  the next batch -> gradient -> update -> metrics -> measure if due -> save if due

The order of the data is a function of seed, epoch and position, so the number of the step is all
the state there is beside weights and moments: a run that was interrupted and resumed ends with the
same bytes as one that was not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import torch

from cogitate.checkpoint import find_checkpoint, save_checkpoint
from cogitate.errors import CheckpointError
from cogitate.filesystem import crash_point, to_json_bytes, write_atomic
from cogitate.metrics import JsonlWriter, keep_rows, merge, reduce
from cogitate.models.fetch import resolve_model
from cogitate.models.hf_config import read_config
from cogitate.reward_models.config import RewardModelConfig
from cogitate.reward_models.dataset import RewardData, prepare
from cogitate.reward_models.encoding import reward_chat
from cogitate.reward_models.figures import (
    PairFigures,
    SafetyFigures,
    ScoredLabel,
    ScoredPair,
    pair_figures,
    safety_figures,
)
from cogitate.reward_models.learner import Item, RewardLearner
from cogitate.reward_models.model import RewardCard, from_language_model, save_reward_model
from cogitate.reward_models.report import report_text
from cogitate.rundir import RunDir, describe_environment, open_run_dir
from cogitate.tasks.hashing import hash64, permute
from cogitate.text.chat import Chat
from cogitate.text.tokenizer import Tokenizer
from cogitate.train.interrupts import StopRequest, stop_requests
from cogitate.train.pace import Pace, is_due
from cogitate.train.resume import require_same_config
from cogitate.train.stopping import MAX_SKIPPED_STEPS, DivergedError

MAY_CHANGE = (
    "name", "output_dir", "model.device", "micro_batch_tokens", "eval_every", "checkpoint_every",
)  # fmt: skip
"""Settings that a resumed run may change: they do not decide what is learnt."""

CENTRE_SAMPLE = 2048
"""Training items, chosen by hash, whose scores give the card's centre and spread."""

_SAY_EVERY = 5.0  # seconds
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardTrainingResult:
    """How a training ended. ``model`` is the saved reward model and ``report`` its figures as
    JSON values; both are None when a signal came first (``exit_code`` then says which)."""

    run_dir: Path
    step: int
    model: Path | None
    report: dict[str, Any] | None
    exit_code: int


def train_reward_model(
    config: RewardModelConfig,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    say: Say | None = None,
) -> RewardTrainingResult:
    """Do, or continue, one complete training.

    The first SIGINT or SIGTERM finishes the step and saves; the second raises KeyboardInterrupt.

    Args:
        run_dir: where its files go; ``config.output_dir/config.name`` when left out.
        resume: continue from the newest checkpoint that verifies; without one, start over.
        say: told in one line what happens.

    Raises:
        DataError: the data or the model cannot be used.
        CheckpointError: the directory is in use, holds results and ``resume`` is False, or its
            checkpoints are of other settings or data.
        DivergedError: no finite gradient for several updates in a row.
    """
    say = say or (lambda line: None)
    path = run_dir or Path(config.output_dir).expanduser() / config.name
    with open_run_dir(path, resume=resume) as directory, stop_requests() as stop:
        for notice in directory.notices:
            say(notice)
        source = resolve_model(config.model.source, progress=say)
        chat = reward_chat(Tokenizer.from_directory(source), config.model.template)
        data = prepare(config, chat, longest=read_config(source).max_position)
        return _Training(config, directory, source, chat, data, stop=stop, say=say).run(resume)


class _Training:
    """One training from its first step, or from its newest checkpoint, to its end."""

    def __init__(
        self, config: RewardModelConfig, run_dir: RunDir, source: Path, chat: Chat,
        data: RewardData, *, stop: StopRequest, say: Say,
    ) -> None:  # fmt: skip
        self.config = config
        self.run_dir = run_dir
        self.source = source
        self.chat = chat
        self.data = data
        self.stop = stop
        self.say = say
        self.per_epoch = -(-len(data.train) // config.batch_size)
        self.total = self.per_epoch * config.epochs
        device = config.model.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.learner = RewardLearner(
            from_language_model(source, device=device),
            config.optimizer,
            total_updates=self.total,
            pad_id=chat.pad_id,
            freeze=config.model.freeze,
            micro_batch_tokens=config.micro_batch_tokens,
        )
        self.settings = {**config.model_dump(mode="json"), "contents": {"data": data.digest()}}
        self.step = 0
        self.skipped = 0
        self.pace = Pace()
        self._said = time.monotonic()

    def run(self, resume: bool) -> RewardTrainingResult:
        """Restore, train, finish."""
        if resume:
            self._restore()
        write_atomic(self.run_dir.path / "config.json", to_json_bytes(self.settings))
        environment = describe_environment(self.config.seed)
        write_atomic(self.run_dir.environment, to_json_bytes(environment))
        self.say(_begin_line(self.data, self.total))
        while self.step < self.total:
            self._step(self.step + 1)
            if self.stop.signal is not None and self.step < self.total:
                self._save()
                self.say(
                    f"Stopped and saved at step {self.step} of {self.total}; --resume goes on."
                )
                return self._result(None, None)
        return self._finish()

    def _step(self, step: int) -> None:
        started = time.monotonic()
        batch = self.batch(step)
        metrics = self.learner.accumulate(batch, denominator=float(len(batch)))
        crash_point("reward_model.backward")
        merge(metrics, self.learner.optim_step())
        values = reduce(metrics)
        self._count_skipped(step, values)
        self.step = step
        append(self.run_dir.metrics, {"step": step, "items": len(batch), **values})
        self.pace.record("step", time.monotonic() - started)
        self._tell(values)
        if is_due(self.config.eval_every, step, last=self.total) and step < self.total:
            figures = measure(self.learner, self.data.held_out)
            if figures is not None:
                append(self.run_dir.evals, {"step": step, **asdict(figures)})
        if is_due(self.config.checkpoint_every, step, last=self.total) or self.stop.save:
            self.stop.save = False
            self._save()
        crash_point("reward_model.step")

    def batch(self, step: int) -> list[Item]:
        """The items of a step, by length; the last batch of an epoch holds what is left."""
        items, size = self.data.train, self.config.batch_size
        epoch, number = divmod(step - 1, self.per_epoch)
        key = hash64("reward_model", self.config.seed, epoch)
        places = range(number * size, min(len(items), (number + 1) * size))
        drawn = [items[permute(place, len(items), key)] for place in places]
        return sorted(drawn, key=lambda item: (item.longest, item.name))

    def _count_skipped(self, step: int, values: dict[str, float]) -> None:
        self.skipped = self.skipped + 1 if values.get("policy/skipped_nonfinite") else 0
        if self.skipped >= MAX_SKIPPED_STEPS:
            raise DivergedError(
                f"the gradients of {self.skipped} updates in a row, up to step {step}, are not "
                "finite. Lower optimizer.learning_rate and start a new training."
            )

    def _tell(self, values: dict[str, float]) -> None:
        now = time.monotonic()
        if self.step < self.total and now - self._said < _SAY_EVERY:
            return
        self._said = now
        left = self.pace.eta(steps=self.total - self.step, evals=0, saves=0) or 0.0
        self.say(
            f"step {self.step}/{self.total}  loss {values['loss']:.4f}  "
            f"accuracy {values['accuracy']:.3f}  {self.pace.typical('step'):.2f} s a step, "
            f"{_clock(left)} left"
        )

    # -------------------------------------------------------------------------- checkpoints

    def _save(self) -> None:
        parameters = self.learner.saved_weights().values()
        save_checkpoint(
            self.run_dir.checkpoints,
            step=self.step,
            policy_version=self.learner.version,
            state={"step": self.step, "skipped": self.skipped},
            config=self.settings,
            parts={"model": self.learner},
            keep=1,
            finite=all(bool(torch.isfinite(p).all()) for p in parameters),
            expected_bytes=3 * sum(p.numel() * p.element_size() for p in parameters),
        )

    def _restore(self) -> None:
        checkpoint, refusals = find_checkpoint(self.run_dir.checkpoints)
        for refusal in refusals:
            self.say(f"Checkpoint refused: {refusal.reason}")
        if checkpoint is None and refusals:
            raise CheckpointError(
                f"no checkpoint of {self.run_dir.path} can be used. Repair one of them, or start "
                "a new training under another name."
            )
        if checkpoint is not None:
            require_same_config(checkpoint, self.settings, may_change=MAY_CHANGE)
            checkpoint.load({"model": self.learner})
            self.step = int(checkpoint.state["step"])
            self.skipped = int(checkpoint.state["skipped"])
            self.say(f"Resuming from {checkpoint.path}.")
        keep_rows(self.run_dir.metrics, lambda row: row["step"] <= self.step)
        keep_rows(self.run_dir.evals, lambda row: row["step"] <= self.step)

    # ------------------------------------------------------------------------------- ending

    def _finish(self) -> RewardTrainingResult:
        sample = sorted(self.data.train, key=lambda i: hash64("centre", self.config.seed, i.name))
        sample = sample[:CENTRE_SAMPLE]
        self.say(
            f"Measuring on {len(sample)} training and {len(self.data.held_out)} held-out rows."
        )
        found = self.learner.score(sample)
        scores = [score for pair in found for score in pair]
        report = {
            "kind": self.config.kind,
            "scores": self.config.scored,
            "data": asdict(self.data.counts),
            "length": self.config.length.model_dump() if self.config.kind != "safety" else None,
            "updates": self.learner.version,
            "train": plain(figures_of(sample, found)),
            "held_out": plain(measure(self.learner, self.data.held_out)),
        }
        card = RewardCard(
            kind=self.config.kind,
            scores=self.config.scored,
            template=self.chat.template.name,
            centre=fmean(scores),
            spread=max(pstdev(scores), 1e-6),
            max_tokens=self.config.max_tokens,
            training={"data": report["data"], "length": report["length"]},
        )
        save_reward_model(
            self.learner.model, self.run_dir.final, card=card, source=self.source,
            pad_id=self.chat.pad_id,
        )  # fmt: skip
        write_atomic(self.run_dir.path / "report.json", to_json_bytes(report))
        text = report_text(report)
        write_atomic(self.run_dir.path / "report.txt", text.encode())
        return self._result(self.run_dir.final, report)

    def _result(self, model: Path | None, report: dict[str, Any] | None) -> RewardTrainingResult:
        return RewardTrainingResult(
            run_dir=self.run_dir.path,
            step=self.step,
            model=model,
            report=report,
            exit_code=self.stop.exit_code if model is None else 0,
        )


def plain(figures: PairFigures | SafetyFigures | None) -> dict[str, Any] | None:
    """Figures as JSON values."""
    return None if figures is None else asdict(figures)


def measure(learner: RewardLearner, items: Sequence[Item]) -> PairFigures | SafetyFigures | None:
    """The figures of some items, all pairs or all labelled; None if there are none."""
    return figures_of(items, learner.score(items))


def figures_of(
    items: Sequence[Item], found: Sequence[tuple[float, ...]]
) -> PairFigures | SafetyFigures | None:
    """The figures of items that have been scored."""
    if not items:
        return None
    if items[0].safe is None:
        return pair_figures([
            ScoredPair(
                chosen=scores[0], rejected=scores[1],
                chosen_length=item.lengths[0], rejected_length=item.lengths[1],
            )
            for item, scores in zip(items, found, strict=True)
        ])  # fmt: skip
    return safety_figures([
        ScoredLabel(score=scores[0], safe=bool(item.safe), length=item.lengths[0])
        for item, scores in zip(items, found, strict=True)
    ])  # fmt: skip


def _begin_line(data: RewardData, total: int) -> str:
    counts = data.counts
    dropped = f", {counts.dropped_by_length} dropped by length" if counts.dropped_by_length else ""
    return f"{counts.train} to learn from, {counts.held_out} held out{dropped}; {total} updates."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add one row to a line file."""
    writer = JsonlWriter(path)
    try:
        writer.append(row)
    finally:
        writer.close()
