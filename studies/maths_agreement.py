"""How often the maths verifier is right: golds of five data sets, written otherwise and made wrong.

Every gold answer is written in at least six other ways that mean the same, and in about as many
ways that do not, each in a completion with thinking and a box. Ours, bare math-verify and
lm-eval's string rule judge all of them. Figures go into docs/studies/maths_agreement.{md,json}:
counts only. Trials that a system misjudged go to a file of your choice, to be read.

    make study-verifiers DATA=data
    python studies/maths_agreement.py --data data --differences /tmp/differences.jsonl
"""

import argparse
import json
import math
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import DOCS, environment_line
from maths_kinds import Gold, read_gold
from maths_perturbations import perturbations
from maths_systems import MathVerify, Ours, System, string_rule
from maths_writings import Writing, equivalents

DATA_SETS = ("math500", "minerva_math", "olympiadbench", "gsm8k_test", "aime24")
OURS = "cogitate"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

_THINKING = (
    "Let me set this up and work through the cases one by one.",
    "First I restate the problem. Wait, that first idea fails; let me check it again.",
    "We look at what is given, then at what is asked, and go on from there.",
)
_FINAL = (
    r"The answer is $\boxed{#}$.",
    "\\[\n\\boxed{#}\n\\]",
    "**Final Answer**\n\\boxed{#}",
    r"Putting it together gives \boxed{#}.",
    r"We get $\boxed{#}$ as shown above. So the final answer is $\boxed{#}$.",
    "ANSWER: \\boxed{#}",
    "Therefore\n\n$$\\boxed{#}$$\n\nas was to be shown.",
    "So it is \\boxed{#}.<\uff5cend\u2581of\u2581sentence\uff5c>",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One completion with what it should be judged."""

    data_set: str
    problem_id: str
    gold: str
    kind: str
    rule: str
    answer: str
    right: bool
    completion: str


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one data set and one system. Masked trials count as not judged as they should.

    ``values`` and ``hedges`` are the two sorts of perturbed golds: another answer, and the gold
    beside something that spoils it.
    """

    equivalents: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    hedges: Counter[str] = field(default_factory=Counter)

    @property
    def perturbed(self) -> Counter[str]:
        return self.values + self.hedges

    def add(self, trial: Trial, judged: bool | None) -> None:
        """Count one trial."""
        hedged = trial.rule.startswith(("hedge", "unit slot"))
        counts = self.equivalents if trial.right else self.hedges if hedged else self.values
        counts["masked" if judged is None else "correct" if judged else "wrong"] += 1

    def merge(self, other: "Tally") -> None:
        """Add another's counts."""
        self.equivalents += other.equivalents
        self.values += other.values
        self.hedges += other.hedges


def completion_of(writing: Writing, rng: random.Random) -> str:
    """An R1-style completion that answers with this writing."""
    layout = rng.choice(_FINAL)
    if "$" in writing.answer.replace(r"\$", "") or "\n" in writing.answer:
        layout = _FINAL[3]  # no mathematics in mathematics
    if writing.boxes:
        final = " and ".join(rf"$\boxed{{{box}}}$" for box in writing.boxes)
        final = f"The answers are {final}."
    else:
        final = layout.replace("#", writing.answer)
    return f"<think>\n{rng.choice(_THINKING)}\n</think>\n\n{final}"


def trials_of(
    data_set: str, problem: dict[str, Any], *, most: int, seed: int
) -> tuple[Gold, list[Trial]]:
    """The trials of one problem: the gold itself, ``most`` other writings, ``most`` wrong ones."""
    gold = read_gold(problem["answer"])
    rng = random.Random(f"{seed}/{problem['id']}")
    own, *others = equivalents(gold)
    wrong = perturbations(gold)
    chosen = [own, *_sample(others, most, rng)]
    trials = [
        Trial(
            data_set=data_set, problem_id=problem["id"], gold=problem["answer"], kind=gold.kind,
            rule=writing.rule, answer=writing.answer, right=right,
            completion=completion_of(writing, rng),
        )
        for right, writings in ((True, chosen), (False, _sample(wrong, most, rng)))
        for writing in writings
    ]  # fmt: skip
    return gold, trials


def _sample(writings: list[Writing], most: int, rng: random.Random) -> list[Writing]:
    return writings if most <= 0 or len(writings) <= most else rng.sample(writings, most)


def read_data(folder: Path, names: Sequence[str], limit: int) -> dict[str, list[dict[str, Any]]]:
    """Problems by data set; at most ``limit`` of each, evenly spread, if it is not 0.

    Raises:
        SystemExit: a file is absent; the message says which and what it should hold.
    """
    data: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        path = folder / f"{name}.jsonl"
        if not path.is_file():
            raise SystemExit(
                f"maths_agreement: reading {path}: there is no such file. --data should name a "
                f"folder with {', '.join(f'{n}.jsonl' for n in names)}, each with one JSON object "
                'a line that has "id" and "answer". Leave sets out with --sets.'
            )
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        data[name] = rows if not limit else rows[:: max(1, len(rows) // limit)][:limit]
    return data


# --- judging ------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Results:
    """Everything that was counted, and the trials that ours or somebody else misjudged."""

    tallies: dict[str, dict[str, Tally]]
    by_kind: dict[str, Tally] = field(default_factory=lambda: defaultdict(lambda: Tally()))
    golds: Counter[str] = field(default_factory=Counter)
    bad_golds: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    fewest: dict[str, int] = field(default_factory=dict)
    patterns: Counter[str] = field(default_factory=Counter)
    differences: list[dict[str, Any]] = field(default_factory=list)


def judge_all(data: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> Results:
    """Put every trial before every system."""
    ours, math_verify = Ours(), MathVerify(options.cache)
    systems = [System(OURS, ours)]
    if not options.ours_only:
        systems += [System("math-verify", math_verify), System("lm-eval rule", string_rule)]
    results = Results(tallies={name: {s.name: Tally() for s in systems} for name in data})
    progress = Progress(sum(map(len, data.values())))
    try:
        for name, problems in data.items():
            for problem in problems:
                gold, trials = trials_of(name, problem, most=options.writings, seed=options.seed)
                _judge_problem(results, gold, trials, systems, ours)
                progress.step(name)
    finally:
        math_verify.close()
    return results


def _judge_problem(
    results: Results, gold: Gold, trials: list[Trial], systems: list[System], ours: Ours
) -> None:
    name = trials[0].data_set
    results.golds[name] += 1
    ours(trials[0].gold, trials[0].completion)
    if ours.bad_gold:
        results.bad_golds[name].append(trials[0].problem_id)
        return
    others = sum(trial.right for trial in trials) - 1
    results.fewest[name] = min(others, results.fewest.get(name, others))
    for trial in trials:
        verdicts = {s.name: s.judge(trial.gold, trial.completion) for s in systems}
        for system, judged in verdicts.items():
            results.tallies[name][system].add(trial, judged)
        results.by_kind[gold.kind].add(trial, verdicts[OURS])
        _note_difference(results, trial, verdicts, ours)


def _note_difference(
    results: Results, trial: Trial, verdicts: dict[str, bool | None], ours: Ours
) -> None:
    if all(judged is trial.right for judged in verdicts.values()):
        return
    signs = {True: "right", False: "wrong", None: "masked"}
    pattern = ", ".join(f"{system}: {signs[judged]}" for system, judged in verdicts.items())
    results.patterns[f"{'equivalent' if trial.right else 'perturbed'} | {pattern}"] += 1
    details = ours.last
    assert details is not None
    results.differences.append(
        {
            "data_set": trial.data_set, "id": trial.problem_id, "kind": trial.kind,
            "rule": trial.rule, "gold": trial.gold, "answer": trial.answer,
            "right": trial.right, **verdicts,
            "status": details.status, "engine": details.engine,
            "cause": details.cause, "reason": details.reason,
        }
    )  # fmt: skip


class Progress:
    """A line now and then that says how far it is and how long it will take."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._began = self._said = time.monotonic()

    def step(self, name: str) -> None:
        """One problem more is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said > 10 or self._done == self._total:
            self._said, spent = now, now - self._began
            left = spent / self._done * (self._total - self._done)
            print(f"{name}: {self._done}/{self._total} golds, {spent:.0f} s, {left:.0f} s left",
                  file=sys.stderr, flush=True)  # fmt: skip


# --- the page -----------------------------------------------------------------------------------


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share.

    >>> [round(x, 3) for x in wilson(99, 100)]
    [0.946, 0.998]
    """
    if not total:
        return 0.0, 1.0
    z = 1.959964
    share, spread = hits / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / total / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def _share(counts: Counter[str], wanted: str) -> str:
    hits, total = counts[wanted], counts.total()
    low, high = wilson(hits, total)
    if not total:
        return "-"
    return f"{100 * hits / total:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def _percent(counts: Counter[str], wanted: str) -> str:
    return f"{100 * counts[wanted] / counts.total():.2f}" if counts else "-"


def _rows(results: Results) -> Iterator[str]:
    yield "| data set | system | equivalents, % | perturbed, % | values | hedges | masked |"
    yield "|---|---|---|---|---|---|---|"
    systems = list(next(iter(results.tallies.values())))
    everything = {name: Tally() for name in systems}
    for name, by_system in results.tallies.items():
        for system, tally in by_system.items():
            everything[system].merge(tally)
            yield _row(name, system, tally)
    for system, tally in everything.items():
        yield _row("**all**", system, tally)


def _row(name: str, system: str, tally: Tally) -> str:
    masked = tally.equivalents["masked"] + tally.perturbed["masked"]
    return (
        f"| {name} | {system} | {_share(tally.equivalents, 'correct')} "
        f"| {_share(tally.perturbed, 'wrong')} | {_percent(tally.values, 'wrong')} "
        f"| {_percent(tally.hedges, 'wrong')} | {masked} |"
    )


def figures(results: Results, options: argparse.Namespace) -> str:
    """The generated part of the page."""
    lines = [
        f"Seed {options.seed}, up to {options.writings or 'all'} writings and as many "
        "perturbations a gold besides the gold as it is. 95 % intervals (Wilson). "
        + environment_line(),
        "", *_rows(results), "",
        "| data set | golds | bad golds | fewest equivalents of a gold |", "|---|---|---|---|",
        *(
            f"| {name} | {results.golds[name]} | {len(results.bad_golds[name])} "
            f"| {results.fewest.get(name, 0)} |"
            for name in results.tallies
        ),
        "", "Ours, by the kind of the gold:", "",
        "| kind | equivalents | called correct, % | perturbed | called wrong, % |",
        "|---|---|---|---|---|",
        *(
            f"| {kind} | {tally.equivalents.total()} | {_share(tally.equivalents, 'correct')} "
            f"| {tally.perturbed.total()} | {_share(tally.perturbed, 'wrong')} |"
            for kind, tally in sorted(results.by_kind.items())
        ),
    ]  # fmt: skip
    if results.patterns:
        lines += ["", "Trials that at least one system misjudged:", "",
                  "| the answer is | what they said | trials |", "|---|---|---|"]  # fmt: skip
        for pattern, count in results.patterns.most_common():
            lines.append(f"| {pattern} | {count} |")
    return "\n".join(lines)


def write_page(text: str, results: Results) -> None:
    """Put the figures between the markers of the page, and the counts beside it."""
    path = DOCS / "maths_agreement.md"
    page = (
        path.read_text()
        if path.is_file()
        else f"# Agreement of maths verifiers\n\n{BEGIN}\n{END}\n"
    )
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
    counts = {
        name: {
            "golds": results.golds[name], "bad_golds": sorted(results.bad_golds[name]),
            "systems": {
                system: {
                    "equivalents": dict(t.equivalents),
                    "perturbed_values": dict(t.values), "perturbed_hedges": dict(t.hedges),
                }
                for system, t in by_system.items()
            },
        }
        for name, by_system in results.tallies.items()
    }  # fmt: skip
    (DOCS / "maths_agreement.json").write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with the data sets")
    parser.add_argument("--sets", nargs="+", default=list(DATA_SETS), help="data sets")
    parser.add_argument("--limit", type=int, default=0, help="golds of each set (0: all)")
    parser.add_argument("--writings", type=int, default=8, help="of each sort and gold (0: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ours-only", action="store_true", help="leave the other systems out")
    parser.add_argument("--differences", type=Path, help="write misjudged trials to this JSONL")
    parser.add_argument("--cache", type=Path, help="keep math-verify's verdicts in this JSONL")
    parser.add_argument("--no-write", action="store_true", help="print only, leave docs/ alone")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse_options()
    results = judge_all(read_data(options.data, options.sets, options.limit), options)
    text = figures(results, options)
    print(text)
    if options.differences:
        with options.differences.open("w") as out:
            out.writelines(json.dumps(row) + "\n" for row in results.differences)
    if not options.no_write:
        write_page(text, results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
