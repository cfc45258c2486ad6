"""Completions that try to earn a reward without a right answer, and right ones beside them.

The corpus is ours: templates in ``corpus/*.toml``, filled in from questions and their gold answers.
Every distractor is derived from the gold answer of its row, so none can equal it.

    for row in corpus(kinds=["math"]):
        row.completion, row.correct
    report = attack("math")              # our verifier of a kind
    report = attack(score)               # any function of a row that gives a number or None
    report.ok, report.through

The code rows are hostile programs: only a sandbox may run them.
"""

from cogitate.verifiers.attacks.corpus import Attack, corpus, from_problems
from cogitate.verifiers.attacks.report import AttackReport, Trial
from cogitate.verifiers.attacks.run import attack

__all__ = ["Attack", "AttackReport", "Trial", "attack", "corpus", "from_problems"]
