"""Pairs from a judge's verdicts: both orders shown, averaged, kept only if the gap is large.

A judge likes what it reads first (or last), so a verdict in one order says little. Here each pair
is asked about several times with the order drawn by hash and each order equally often; verdicts
are turned to the side of the first completion, averaged within each order and then over the two.

Paper: DeepSeek-R1 (arXiv:2501.12948v2) section 3.1: four queries a pair, orders randomised, scores
averaged, pairs kept whose gap exceeds 1, chosen and rejected of comparable lengths. How verdicts
become numbers is not published: 3, 1, 0, -1, -3 is ours, so a gap above 1 needs more than
"slightly better" every time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from cogitate.reward_models.preferences import Preference, completion_of, messages_of
from cogitate.schema import Message
from cogitate.tasks.columns import RowError
from cogitate.tasks.hashing import Draw

Order = Literal["AB", "BA"]
Judge = Callable[[Sequence[Message], str, str], str | None]
"""(conversation, completion shown as A, completion shown as B) to the judge's words, or None."""

VERDICTS: Mapping[str, float] = {"A>>B": 3.0, "A>B": 1.0, "A=B": 0.0, "B>A": -1.0, "B>>A": -3.0}
_VERDICT = re.compile(r"\[\[(A>>B|A>B|A=B|B>A|B>>A)\]\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One verdict. ``score`` is in favour of what was shown as A; ``order`` says what that was:
    "AB" the first completion, "BA" the second."""

    order: Order
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair:
    """Two completions of a conversation and what the judge said about them."""

    number: int
    messages: tuple[Message, ...]
    first: str
    second: str
    judgements: tuple[Judgement, ...]

    @property
    def gap(self) -> float | None:
        """Mean score in favour of ``first``; None unless both orders were judged."""
        straight = [j.score for j in self.judgements if j.order == "AB"]
        turned = [-j.score for j in self.judgements if j.order == "BA"]
        return (fmean(straight) + fmean(turned)) / 2 if straight and turned else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCounts:
    """What became of judged pairs. ``lean_to_a`` is the mean score in favour of whatever was shown
    as A, over all verdicts of pairs judged in both orders: 0 for a judge without position bias."""

    pairs: int
    kept: int
    one_order_only: int
    gap_too_small: int
    lean_to_a: float | None


def presentation_orders(key: str, queries: int, *, seed: int = 0) -> list[Order]:
    """The orders of a pair's queries: each equally often, in an order drawn by hash.

    >>> sorted(presentation_orders("a question", 4))
    ['AB', 'AB', 'BA', 'BA']
    """
    if queries < 2 or queries % 2:
        raise ValueError(f"{queries} queries a pair: both orders need an even number, 2 or more.")
    orders: list[Order] = ["AB", "BA"]
    return Draw("judge", seed, key).shuffled(orders * (queries // 2))


def parse_judgement(text: str) -> float | None:
    """The score of a judge's words: of the last ``[[A>B]]`` in them, or None.

    >>> parse_judgement("[[A>B]] at first, but on reflection: [[B>>A]]")
    -3.0
    """
    found = _VERDICT.findall(text)
    return VERDICTS[found[-1]] if found else None


def judge_pair(
    messages: Sequence[Message], first: str, second: str, judge: Judge, *,
    number: int = 0, queries: int = 4, seed: int = 0,
) -> JudgedPair:  # fmt: skip
    """Ask a judge about a pair in both orders; queries without a verdict are left out."""
    judgements: list[Judgement] = []
    key = "\0".join((*(m.content for m in messages), first, second))
    for order in presentation_orders(key, queries, seed=seed):
        shown = (first, second) if order == "AB" else (second, first)
        words = judge(messages, *shown)
        score = None if words is None else parse_judgement(words)
        if score is not None:
            judgements.append(Judgement(order=order, score=score))
    return JudgedPair(
        number=number, messages=tuple(messages), first=first, second=second,
        judgements=tuple(judgements),
    )  # fmt: skip


def pairs_from_judgements(
    judged: Sequence[JudgedPair], *, min_gap: float = 1.0
) -> tuple[list[Preference], JudgedCounts]:
    """Pairs whose averaged gap exceeds ``min_gap``, and what became of the others."""
    pairs: list[Preference] = []
    one_order = too_small = 0
    leanings: list[float] = []
    for item in judged:
        gap = item.gap
        if gap is None:
            one_order += 1
            continue
        by_order = {
            order: fmean([j.score for j in item.judgements if j.order == order])
            for order in ("AB", "BA")
        }
        leanings.append(fmean(by_order.values()))
        if abs(gap) <= min_gap:
            too_small += 1
            continue
        best, worst = (item.first, item.second) if gap > 0 else (item.second, item.first)
        pairs.append(
            Preference(number=item.number, messages=item.messages, chosen=best, rejected=worst)
        )
    counts = JudgedCounts(
        pairs=len(judged),
        kept=len(pairs),
        one_order_only=one_order,
        gap_too_small=too_small,
        lean_to_a=fmean(leanings) if leanings else None,
    )
    return pairs, counts


def to_judged(row: Mapping[str, Any], number: int) -> JudgedPair:
    """A row with ``prompt``, ``first``, ``second`` and ``judgements``: a list of objects with
    ``order`` ("AB" or "BA") and ``verdict`` ("A>>B" to "B>>A", or a judge's words) or ``score``.

    Raises:
        RowError: in words, why the row is none.
    """
    missing = [n for n in ("prompt", "first", "second", "judgements") if row.get(n) is None]
    if missing:
        raise RowError(f"no {', '.join(missing)} among {sorted(row)}")
    if not isinstance(row["judgements"], list):
        raise RowError("judgements is not a list")
    return JudgedPair(
        number=number,
        messages=messages_of(row["prompt"]),
        first=completion_of(row["first"]),
        second=completion_of(row["second"]),
        judgements=tuple(_judgement(entry) for entry in row["judgements"]),
    )


def _judgement(entry: Any) -> Judgement:
    if not isinstance(entry, Mapping) or entry.get("order") not in ("AB", "BA"):
        raise RowError('a judgement needs order = "AB" or "BA"')
    score = entry.get("score")
    if score is None:
        verdict = str(entry.get("verdict"))
        score = VERDICTS.get(verdict, parse_judgement(verdict))
    # NaN fails the comparison too.
    if isinstance(score, bool) or not isinstance(score, int | float) or not abs(score) <= 1e6:
        raise RowError("a judgement needs a verdict such as A>B, or a score")
    return Judgement(order=entry["order"], score=float(score))
