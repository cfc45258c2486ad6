"""Both engines on the same answers: where the exact rules and math-verify disagree."""

from collections.abc import Iterable
from dataclasses import dataclass

from cogitate.verdict import Verdict
from cogitate.verifiers.maths.extract import extract
from cogitate.verifiers.maths.reader import MAX_CHARS
from cogitate.verifiers.maths.splitting import undress
from cogitate.verifiers.maths.symbolic import MathsPool
from cogitate.verifiers.maths.verify import verify_maths
from cogitate.verifiers.pool import WorkerFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One answer on which bare math-verify and our rules differ. ``theirs`` is None where it could
    not read the gold or the answer, or did not end."""

    gold: str
    answer: str
    ours: Verdict
    theirs: bool | None


def compare_engines(
    pairs: Iterable[tuple[str, str]], *, pool: MathsPool, template: str = "boxed"
) -> list[Disagreement]:
    """The (gold, text) pairs on which the two engines differ, in their order.

    math-verify gets the last declared answer as it stands, with the settings that it advises for
    rewards and nothing of ours around it but the process that can be killed.
    """
    found = []
    for gold, text in pairs:
        ours = verify_maths(gold, text, template=template, pool=pool)
        declared = extract(text, template).answers
        answer = declared[-1] if declared else ""
        theirs = _bare(gold, answer, pool)
        if theirs is not ours.correct:
            found.append(Disagreement(gold=gold, answer=answer, ours=ours, theirs=theirs))
    return found


def _bare(gold: str, answer: str, pool: MathsPool) -> bool | None:
    if not answer or len(answer) > MAX_CHARS:
        return False
    try:
        return pool.pool.call({"bare": [undress(gold), undress(answer)]})["equal"]
    except WorkerFailure:
        return None
