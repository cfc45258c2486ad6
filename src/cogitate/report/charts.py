"""Which curves a run has, and how each is drawn. A chart without data is simply not there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from cogitate.report.figures import Chart, Series, Unit, noisy
from cogitate.report.load import ALL, RunData
from cogitate.report.samples import Samples, StepBehaviour

TONES = ("1", "2", "3", "4", "5", "6")
MODE_TONES = {"greedy": "greedy", "sampled": "sampled"}
NOT_PARTS = {"mean", "std", "verifier_error"}


def accuracy_chart(run: RunData, task: str, title: str) -> Chart:
    """Held-out accuracy of one task over evaluations, with 95 % bands."""
    series: list[Series] = []
    for mode in run.modes:
        found = [run.eval_results(step).get((task, mode)) for step in run.eval_steps]
        rows = [row for row in found if row is not None]
        series.append(
            Series(
                label=mode,
                points=[(row.step, row.value) for row in rows],
                band=[row.ci95 for row in rows],
                tone=MODE_TONES[mode],
                dots=True,
            )
        )
    return Chart(title=title, series=series, unit="percent", low=0.0, high=1.0)


def accuracy_charts(run: RunData) -> list[Chart]:
    """All tasks together, then each task when there are several."""
    tasks = run.tasks
    charts = [accuracy_chart(run, ALL, "All tasks" if len(tasks) > 1 else "Held-out accuracy")]
    if len(tasks) > 1 or not any(row.task == ALL for row in run.evals):
        charts += [accuracy_chart(run, task, task) for task in tasks]
    return charts


def _one(
    run: RunData,
    name: str,
    title: str,
    *,
    unit: Unit = "number",
    tone: str = "1",
    caption: str = "",
    least: float | None = None,
) -> Chart:
    """One metric; ``least`` is the smallest top of the axis, so that noise at zero looks flat."""
    found = run.series(name)
    series = noisy("", found, tone) if found else []
    flat = least is not None and all(abs(value) < least for _, value in found)
    return Chart(
        title=title, series=series, unit=unit, caption=caption, high=least if flat else None
    )


def _unless_zero(run: RunData, name: str, title: str, unit: Unit) -> list[Chart]:
    """A chart that is worth its place only when something happened."""
    if not any(value for _, value in run.series(name)):
        return []
    return [_one(run, name, title, unit=unit, tone="4")]


def _several(
    run: RunData,
    names: Sequence[tuple[str, str]],
    title: str,
    *,
    unit: Unit = "number",
    caption: str = "",
    low: float | None = None,
    high: float | None = None,
) -> Chart:
    series: list[Series] = []
    present = [(name, label) for name, label in names if run.series(name)]
    for tone, (name, label) in zip(TONES, present, strict=False):
        series += noisy(label, run.series(name), tone)
    return Chart(title=title, series=series, unit=unit, caption=caption, low=low, high=high)


def learning_charts(run: RunData) -> list[Chart]:
    """Training reward and its parts, accuracy while training, loss of a supervised run."""
    parts = [
        (name, name.removeprefix("reward/"))
        for name in run.metric_names("reward/")
        if name.removeprefix("reward/") not in NOT_PARTS
        and run.series(name) != run.series("reward/mean")  # the only part with weight
    ]
    reward = [("reward/mean", "reward"), *parts]
    tasks = [
        (name, name.removeprefix("task/").removesuffix("/accuracy"))
        for name in run.metric_names("task/")
        if name.endswith("/accuracy")
    ]
    charts = [
        _several(
            run,
            reward,
            "Training reward" + (" and its parts" if parts else ""),
            caption="On the problems just practised, so noisy: held-out curves are the measure.",
        )
    ]
    if len(tasks) > 1:
        title = "Accuracy while training, by task"
        charts.append(_several(run, tasks, title, unit="percent", low=0.0, high=1.0))
    if run.algorithm == "sft":
        charts.append(_one(run, "policy/loss", "Training loss", unit="nats"))
    return charts


def health_charts(run: RunData) -> list[Chart]:
    """Entropy, gradient norm, uninformative groups, drift and engine mismatch."""
    return [
        _several(
            run,
            [
                ("group/uninformative_fraction", "any"),
                ("group/all_wrong_fraction", "all wrong"),
                ("group/all_right_fraction", "all right"),
            ],
            "Groups that teach nothing",
            unit="percent",
            low=0.0,
            high=1.0,
            caption="All tries of a problem earned the same, so there is nothing to prefer.",
        ),
        _one(
            run,
            "policy/entropy",
            "Entropy",
            unit="nats",
            tone="2",
            caption="How undecided the model is, in nats per token. Near 0 it no longer explores.",
        ),
        _one(run, "policy/grad_norm", "Gradient norm", tone="3"),
        _one(
            run,
            "policy/kl_ref",
            "Drift from the reference model",
            unit="nats",
            caption="Estimated KL divergence in nats per token.",
        ),
        _one(
            run,
            "engine/mismatch_nats",
            "Sampler against trainer",
            unit="nats",
            tone="4",
            least=0.01,
            caption="Difference of log-probabilities at equal weights. It should stay at zero.",
        ),
        *_unless_zero(run, "policy/ratio_outside_clip", "Tokens outside the clip range", "percent"),
        _one(run, "policy/learning_rate", "Learning rate", tone="6"),
    ]


def length_charts(run: RunData, samples: Samples) -> list[Chart]:
    """Length, truncation, and length of right and wrong answers."""
    lengths = [
        ("completion/length_mean", "mean"),
        ("completion/length_p95", "95th percentile"),
    ]
    right = [(s.step, s.length_right.mean) for s in samples.train if s.length_right]
    wrong = [(s.step, s.length_wrong.mean) for s in samples.train if s.length_wrong]
    by_verdict = (noisy("right", right, "right") if right else []) + (
        noisy("wrong", wrong, "wrong") if wrong else []
    )
    return [
        _several(run, lengths, "Completion length", unit="tokens", caption="In tokens."),
        _one(
            run,
            "completion/truncated_fraction",
            "Cut at the token limit",
            unit="percent",
            tone="4",
            caption="If many are cut, a plateau of length means nothing.",
        ),
        Chart(
            title="Length of right and wrong answers",
            series=by_verdict,
            unit="tokens",
            caption="If only wrong answers grow, length is a side effect of the loss.",
        ),
    ]


Normalisation = Literal["per_1k_tokens", "per_completion", "fraction_with_any"]


def _reflection_chart(samples: Samples, title: str, by: Normalisation, unit: Unit) -> Chart:
    """The ten words and "wait" alone in training, and the ten words held out, where step 0 is."""

    def points(rows: Sequence[StepBehaviour], words: str) -> list[tuple[int, float]]:
        return [(row.step, getattr(getattr(row.reflection, words), by)) for row in rows]

    ten, wait = points(samples.train, "reflective"), points(samples.train, "wait")
    held_out = points(samples.heldout, "reflective")
    series = noisy("ten words", ten, "1") if ten else []
    series += noisy('"wait" alone', wait, "3") if any(value for _, value in wait) else []
    if held_out:
        series.append(Series(label="held-out", points=held_out, tone="2", dots=True, dashed=True))
    has_control = bool(held_out) and held_out[0][0] == 0
    caption = "Step 0 of the held-out line is the untouched model: the control."
    return Chart(title=title, series=series, unit=unit, caption=caption if has_control else "")


def reflection_charts(samples: Samples, change: int | None = None) -> list[Chart]:
    """Reflective words in three normalisations; none when no reflective word ever occurs.

    ``change`` is the step of a change point, marked in the first chart.
    """
    if not any(row.reflection.reflective.count for row in (*samples.train, *samples.heldout)):
        return []
    per_1k = _reflection_chart(
        samples, "Reflective words per 1,000 tokens", "per_1k_tokens", "number"
    )
    return [
        replace(per_1k, marks=[(change, "change point")]) if change is not None else per_1k,
        _reflection_chart(samples, "Reflective words per completion", "per_completion", "number"),
        _reflection_chart(
            samples, "Completions with a reflective word", "fraction_with_any", "percent"
        ),
    ]


def language_charts(samples: Samples) -> list[Chart]:
    """Language mixing, when any completion mixes."""
    rows = samples.train or samples.heldout
    mixed = [(row.step, row.mixing.mix_rate) for row in rows]
    if not any(value for _, value in mixed):
        return []
    consistency = [(row.step, row.mixing.consistency) for row in rows]
    return [
        Chart(
            title="Language mixing",
            series=[*noisy("mixed", mixed, "4"), *noisy("in English", consistency, "6")],
            unit="percent",
            low=0.0,
            high=1.0,
            caption="Completions with at least 5 % of words in both English and Chinese; mean "
            "share of English words.",
        )
    ]


def speed_charts(run: RunData) -> list[Chart]:
    """Tokens per second and seconds per step."""
    rate = [
        (int(row["step"]), float(row["tokens_per_second"]))
        for row in run.timing
        if isinstance(row.get("tokens_per_second"), int | float)
    ]
    seconds = [
        (int(row["step"]), float(row["seconds"]["total"]))
        for row in run.timing
        if isinstance(row.get("seconds"), dict)
        and isinstance(row["seconds"].get("total"), int | float)
    ]
    return [
        Chart(
            title="Tokens per second",
            series=noisy("", rate, "1") if rate else [],
            unit="tokens",
            caption="Sampled tokens divided by the time of the rollout phase.",
        ),
        Chart(
            title="Seconds per step",
            series=noisy("", seconds, "6") if seconds else [],
            unit="seconds",
        ),
    ]
