"""What the numbers mean, in sentences a newcomer understands and a sceptic accepts.

Every sentence follows from the run's own files by a stated rule. A gain is called a gain only when
its paired 95 % interval excludes zero; a change point only when its permutation p-value is small.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cogitate.insight.changepoint import ChangePoint, change_point, describe_change_point
from cogitate.insight.length import slope_per_100_steps
from cogitate.report.load import ALL, RunData, is_number
from cogitate.report.samples import Samples
from cogitate.report.summary import duration, signed_points
from cogitate.train.advice import Adviser

SIGNIFICANCE = 0.05
PROCEDURAL = {
    "arithmetic",
    "chain_sum",
    "countdown",
    "extremes",
    "word_problems",
    "selection",
    "comparison",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first thing on the page: one sentence, and one beneath it."""

    title: str
    subtitle: str


def whole_points(fraction: float) -> str:
    """A fraction as a whole per cent, halves upwards: 0.825 gives "83 %"."""
    return f"{math.floor(100 * fraction + 0.5)} %"


def main_result(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The row of a summary to lead with: all tasks, greedy if it was evaluated."""
    rows = [row for row in found["results"] if row["task"] == ALL] or found["results"]
    ordered = sorted(rows, key=lambda row: row["mode"] != "greedy")
    return ordered[0] if ordered else None


def _verdict(row: Mapping[str, Any]) -> str:
    """How the accuracy moved, as far as the data can tell."""
    low_high = row["gain_ci95"]
    if low_high is None:
        apart = (
            row["after_ci95"][0] > row["before_ci95"][1]
            or row["after_ci95"][1] < row["before_ci95"][0]
        )
        low_high = (row["gain"], row["gain"]) if apart else (-1.0, 1.0)
    if low_high[0] > 0:
        return "rose"
    return "fell" if low_high[1] < 0 else "did not change measurably"


def headline(found: Mapping[str, Any]) -> Headline:
    """Title and subtitle for a summary (see ``report.summary``)."""
    row = main_result(found)
    subtitle = _spent(found)
    if row is None:
        return Headline(title="No held-out evaluation yet", subtitle=subtitle)
    kind = "greedy" if row["mode"] == "greedy" else "sampled"
    if row["after"] is None:
        title = f"Before training: {whole_points(row['before'])} of held-out problems right"
        return Headline(title=title, subtitle=subtitle)
    before, after = whole_points(row["before"]), whole_points(row["after"])
    verdict = _verdict(row)
    planned = found["planned_steps"]
    so_far = " so far" if planned and found["steps"] < planned else ""
    if verdict == "did not change measurably":
        title = f"Held-out accuracy did not change measurably{so_far}: from {before} to {after}"
    else:
        title = f"Held-out accuracy {verdict} from {before} to {after}{so_far}"
    gain = f"{signed_points(row['gain'])} points"
    if row["gain_ci95"]:
        low, high = (signed_points(value) for value in row["gain_ci95"])
        gain += f" (95 % interval {low} to {high}, same {row['num_problems']} problems)"
    return Headline(title=title, subtitle=f"{gain}, {kind} decoding. {subtitle}")


def _spent(found: Mapping[str, Any]) -> str:
    steps, planned = found["steps"], found["planned_steps"]
    what = "supervised fine-tuning" if found["algorithm"] == "sft" else "reinforcement learning"
    spent = found["cost"]["seconds"]
    time = f" in {duration(spent)}" if spent else ""
    sentence = f"{steps} {'step' if steps == 1 else 'steps'} of {what}{time}."
    if planned and steps < planned:
        sentence += f" The run stands at step {steps} of {planned}."
    return sentence


def how_it_learned(run: RunData) -> str:
    """Where the learning signal came from."""
    if run.algorithm == "sft":
        return "The model imitated worked solutions. Held-out problems were never part of training."
    said = ", ".join(reward_parts(run)) or "accuracy"
    control = " The reward has a random part: this is a control run." if _is_control(run) else ""
    return (
        "In this run the model was shown no worked solution: it tried, a program checked each "
        f"answer, and the reward ({said}) made better tries more likely. Held-out problems were "
        f"never part of training.{control}"
    )


def reward_parts(run: RunData) -> list[str]:
    """Names of the parts of the reward that have weight, as the configuration says."""
    reward = run.config.get("reward")
    if not isinstance(reward, Mapping):
        return []
    parts = [name for name in ("accuracy", "format", "random") if reward.get(name)]
    parts += [name for name in ("overlong", "length", "repetition") if reward.get(name)]
    custom = reward.get("custom")
    for entry in custom if isinstance(custom, Sequence) else ():
        if isinstance(entry, Mapping):
            parts.append(str(entry.get("name") or entry.get("path", "")).rpartition(":")[2])
    return parts


def _is_control(run: RunData) -> bool:
    reward = run.config.get("reward")
    return isinstance(reward, Mapping) and bool(reward.get("random"))


def provenance(run: RunData) -> str:
    """Which model this started from, and what that means for the claim."""
    from cogitate.models.presets import PRESETS

    source = run.model_source
    if source is None:
        return "The starting model is not recorded in this run's configuration."
    preset = PRESETS.get(source)
    if preset is not None:
        return f"{preset.title} ({preset.quantisation} at the source). {preset.note}"
    return (
        f"{source}. Check whether it is a pre-trained base or an instruct model before calling "
        "this R1-Zero: the paper starts from a base."
    )


def wait_change(samples: Samples) -> ChangePoint | None:
    """The change point of "wait" over training steps, per token."""
    return change_point(
        [row.reflection.wait.count for row in samples.train],
        [float(row.reflection.num_tokens) for row in samples.train],
    )


def change_step(samples: Samples, point: ChangePoint | None) -> int | None:
    """The step to mark: of a significant change point (5 %) that a smooth trend does not match."""
    if point is None or point.p_value > SIGNIFICANCE or point.is_gradual:
        return None
    return samples.train[point.index].step


def aha_sentence(samples: Samples, point: ChangePoint | None) -> str:
    """The change-point verdict on "wait"."""
    steps = [row.step for row in samples.train]
    return describe_change_point(point, steps, "wait", significance=SIGNIFICANCE)


def control_sentence(samples: Samples) -> str:
    """Reflective words of the untouched model beside the trained one."""
    if len(samples.heldout) < 2:
        return ""
    first, last = samples.heldout[0], samples.heldout[-1]
    start, end = first.reflection.reflective, last.reflection.reflective
    who = "the untouched model" if first.step == 0 else f"the model at step {first.step}"
    return (
        f"Control on the same held-out problems: {who} uses {start.per_1k_tokens:.2f} reflective "
        f"words per 1,000 tokens ({start.count} in all), the model at step {last.step} uses "
        f"{end.per_1k_tokens:.2f} ({end.count} in all)."
    )


def length_sentence(run: RunData) -> str:
    """The trend of completion length, with its interval."""
    series = run.series("completion/length_mean")
    slope = slope_per_100_steps([x for x, _ in series], [y for _, y in series]) if series else None
    if slope is None:
        return ""
    low, high = slope.ci95
    if low <= 0 <= high:
        return (
            "Completion length shows no clear trend "
            f"(95 % interval {low:+.1f} to {high:+.1f} tokens per 100 steps)."
        )
    verb = "grew" if low > 0 else "shrank"
    return (
        f"Completions {verb} by {abs(slope.per_100_steps):.1f} tokens per 100 steps "
        f"(95 % interval {low:+.1f} to {high:+.1f})."
    )


def advice(run: RunData) -> list[tuple[int, str]]:
    """(step, sentence) of everything the training loop would advise on these metrics."""
    adviser = Adviser()
    said: list[tuple[int, str]] = []
    for row in run.metrics:
        numbers = {name: float(value) for name, value in row.items() if is_number(value)}
        said += [(int(row["step"]), sentence) for sentence in adviser.feed(numbers)]
    return said


def caveats(run: RunData, found: Mapping[str, Any], samples: Samples) -> list[str]:
    """What a careful reader should hold against this run; each only where it applies."""
    kinds = _task_kinds(run)
    said = [
        "One run with one seed. The intervals cover which problems were drawn, not what another "
        "seed would have learned; repeat with other seeds before relying on a difference.",
        *_accuracy_caveats(found),
    ]
    if kinds and kinds <= PROCEDURAL:
        said.append(
            "Held-out problems are new, but come from the same generators as the training "
            "problems. This shows that the skill was learned, not that it carries over to others."
        )
    if run.algorithm != "sft":
        said.append(
            "Part of any gain can come from answering in the expected form and stopping in time. "
            "Compare with a short supervised run and with a random-reward control."
        )
    if samples.train and not any(row.reflection.reflective.count for row in samples.train):
        said.append("No reflective word occurred in training: there is no aha moment to look for.")
    elif samples.train:
        said.append(
            "Counting words is not measuring thought: a reflective word may change nothing, and "
            "raw counts grow with length. Compare per 1,000 tokens, and with step 0."
        )
    return said


def _task_kinds(run: RunData) -> set[str]:
    sections = run.config.get("tasks")
    found = sections if isinstance(sections, Sequence) else ()
    return {str(section.get("kind")) for section in found if isinstance(section, Mapping)}


def _accuracy_caveats(found: Mapping[str, Any]) -> list[str]:
    said: list[str] = []
    modes = {row["mode"]: row for row in found["results"] if row["task"] == ALL}
    greedy, sampled = modes.get("greedy"), modes.get("sampled")
    gains = [row["gain"] for row in (greedy, sampled) if row and row["gain"] is not None]
    if len(gains) == 2 and gains[1] > gains[0] + 0.05:
        said.append(
            f"Sampled accuracy gained {signed_points(gains[1])} points, greedy "
            f"{signed_points(gains[0])}: part of the sampled gain is the model becoming "
            "more decided, not more able. Greedy is the fairer number."
        )
    small = [row for row in found["results"] if row["num_problems"] < 100 and row["task"] != ALL]
    if small:
        fewest = min(row["num_problems"] for row in small)
        said.append(
            f"Some tasks have only {fewest} held-out problems; mind the width of the intervals."
        )
    return said
