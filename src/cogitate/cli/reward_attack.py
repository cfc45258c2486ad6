"""The work of ``cogitate reward attack``."""

import math

from cogitate.cli.grading_progress import Progress
from cogitate.cli.grading_text import ending
from cogitate.cli.reward_targets import Fault, KindTarget, Target
from cogitate.display.safe_text import one_line
from cogitate.display.shapes import aligned
from cogitate.verdict import Verdict
from cogitate.verifiers.attacks import Attack, AttackReport, Trial, attack
from cogitate.verifiers.attacks.report import Finding
from cogitate.verifiers.attacks.run import RewardFault


def attack_target(target: Target, *, progress: bool = False) -> AttackReport:
    """Every row of a target tried on it."""
    rows = target.rows()
    shown = Progress(len(rows), enabled=progress)

    def count(done: int, of: int) -> None:
        shown.advance()

    try:
        if isinstance(target, KindTarget):
            return attack(target.name, rows=rows, verifier=target.verifier, on_trial=count)
        return attack(lambda row: _score(target, row), rows=rows, name=target.name, on_trial=count)
    finally:
        shown.end()


def _score(target: Target, row: Attack) -> Verdict | float | None:
    [score] = target.score([row])
    if not isinstance(score, Fault):
        return score
    if score.cause == "no_score":
        return None
    if score.cause == "not_finite":
        return math.nan
    raise RewardFault(score.reason, slow=score.cause == "timeout")


def attack_text(report: AttackReport, *, shown: int = 20) -> str:
    """Counts per class, then what got through with its completion, then what else is wrong."""
    lines = [f"reward: {one_line(report.reward)}", *_table(report)]
    if not report.discriminates:
        lines.append(
            f"right answers earn {report.right_score:g} and wrong ones {report.wrong_score:g}: "
            "the reward does not tell them apart, or reads another layout (--layout)"
        )
    for finding, title in _TITLES.items():
        trials = report.of(finding)
        if trials:
            lines += ["", f"{title}: {len(trials)}", *_listed(trials[:shown])]
        if len(trials) > shown:
            lines.append(f"  and {len(trials) - shown} more (--show, or --json for all)")
    lines += ["", _conclusion(report)]
    return "\n".join(lines)


_TITLES = {
    Finding.THROUGH: "got through: wrong, and earned what a right answer earns",
    Finding.BROKEN: "broke the reward",
    Finding.SLOW: "took too long",
    Finding.UNGRADED: "no score, so a policy can hide there",
    Finding.REFUSED: "right, and refused",
}


def _table(report: AttackReport) -> list[str]:
    columns = [f for f in Finding if f is not Finding.RIGHT]
    cells = [("class", "rows", *map(str, columns))]
    for family, counts in report.families():
        cells.append((family, str(counts.total()), *(str(counts[f] or "") for f in columns)))
    total = [str(len(report.of(finding))) for finding in columns]
    return aligned([*cells, ("all", str(len(report.trials)), *total)])


def _listed(trials: tuple[Trial, ...]) -> list[str]:
    lines = []
    for trial in trials:
        row = trial.attack
        score = trial.fault if trial.score is None else f"score {trial.score:g}"
        lines.append(f"  {row.id}  {one_line(score, 100)}  ({row.why})")
        lines.append(f"      gold {one_line(str(row.gold), 40)}   {ending(row.completion, 100)}")
    return lines


def _conclusion(report: AttackReport) -> str:
    failures = len(report.failures)
    if report.ok:
        refused = len(report.of(Finding.REFUSED))
        note = f"; {refused} right answers in other writings are refused" if refused else ""
        return f"nothing got through {len(report.trials)} rows{note}"
    if not failures:
        return "right and wrong answers earn the same"
    return f"{failures} of {len(report.trials)} rows show a fault"
