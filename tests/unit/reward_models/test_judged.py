from collections.abc import Sequence

import pytest

from cogitate.reward_models.judged import (
    VERDICTS,
    JudgedPair,
    Judgement,
    judge_pair,
    pairs_from_judgements,
    parse_judgement,
    presentation_orders,
    to_judged,
)
from cogitate.schema import Message
from cogitate.tasks.columns import RowError

ASKED = (Message(role="user", content="hi?"),)


def judged(*judgements: tuple[str, float], number: int = 1) -> JudgedPair:
    return JudgedPair(
        number=number,
        messages=ASKED,
        first="one",
        second="two",
        judgements=tuple(Judgement(order=o, score=s) for o, s in judgements),  # type: ignore[arg-type]
    )


class TestGap:
    def test_orders_are_turned_and_averaged(self) -> None:
        # "one" shown as A: +3; shown as B: A wins by 1, so -1 for it. (3 - 1) / 2.
        assert judged(("AB", 3.0), ("BA", 1.0)).gap == 1.0

    def test_each_order_weighs_the_same(self) -> None:
        # Three verdicts in one order do not outvote one in the other: (1 + 3) / 2.
        assert judged(("AB", 1.0), ("AB", 1.0), ("AB", 1.0), ("BA", -3.0)).gap == 2.0

    def test_one_order_is_no_judgement(self) -> None:
        assert judged(("AB", 3.0), ("AB", 3.0)).gap is None

    def test_a_judge_that_only_sees_the_place_prefers_nothing(self) -> None:
        assert judged(("AB", 3.0), ("BA", 3.0), ("AB", 3.0), ("BA", 3.0)).gap == 0.0


class TestPairs:
    def test_rules(self) -> None:
        rows = [
            judged(("AB", 3.0), ("BA", -3.0), number=1),  # first, gap 3
            judged(("AB", -3.0), ("BA", 0.0), number=2),  # second, gap 1.5
            judged(("AB", 1.0), ("BA", -1.0), number=3),  # gap 1 is not above 1
            judged(("AB", 3.0), number=4),
        ]
        pairs, counts = pairs_from_judgements(rows)
        assert [(p.number, p.chosen, p.rejected) for p in pairs] == [
            (1, "one", "two"),
            (2, "two", "one"),
        ]
        assert (counts.pairs, counts.kept, counts.gap_too_small, counts.one_order_only) == (
            4, 2, 1, 1,
        )  # fmt: skip
        # In favour of A: (3 - 3) / 2, (-3 + 0) / 2, (1 - 1) / 2
        assert counts.lean_to_a == pytest.approx(-0.5)
        assert len(pairs_from_judgements(rows, min_gap=0.5)[0]) == 3

    def test_without_rows(self) -> None:
        pairs, counts = pairs_from_judgements([])
        assert (pairs, counts.lean_to_a) == ([], None)


class TestAsking:
    @pytest.mark.parametrize("queries", [2, 4, 10])
    def test_both_orders_equally_often(self, queries: int) -> None:
        orders = presentation_orders("k", queries)
        assert orders.count("AB") == orders.count("BA") == queries // 2

    def test_the_order_is_drawn(self) -> None:
        drawn = {tuple(presentation_orders(str(key), 4)) for key in range(50)}
        assert len(drawn) == 6
        assert presentation_orders("k", 4, seed=1) == presentation_orders("k", 4, seed=1)

    @pytest.mark.parametrize("queries", [0, 1, 3])
    def test_odd_numbers_are_refused(self, queries: int) -> None:
        with pytest.raises(ValueError, match="even number"):
            presentation_orders("k", queries)

    def test_a_judge_with_a_favourite_place_is_seen_through(self) -> None:
        def judge(messages: Sequence[Message], first: str, second: str) -> str:
            return "I like what I read first. [[A>>B]]"

        pair = judge_pair(ASKED, "one", "two", judge)
        assert pair.gap == 0.0
        pairs, counts = pairs_from_judgements([pair])
        assert (pairs, counts.lean_to_a) == ([], 3.0)

    def test_a_judge_with_a_taste(self) -> None:
        def judge(messages: Sequence[Message], first: str, second: str) -> str | None:
            return "[[A>>B]]" if first == "two" else "[[B>>A]]"

        pair = judge_pair(ASKED, "one", "two", judge)
        assert pair.gap == -3.0
        assert pairs_from_judgements([pair])[0][0].chosen == "two"

    def test_a_judge_that_says_nothing(self) -> None:
        answers = iter(["no idea", None, "[[A=B]]", "[[A=B]]"])
        pair = judge_pair(ASKED, "one", "two", lambda *_: next(answers))
        assert len(pair.judgements) == 2


class TestParsing:
    @pytest.mark.parametrize(("verdict", "score"), VERDICTS.items())
    def test_verdicts(self, verdict: str, score: float) -> None:
        assert parse_judgement(f"so [[{verdict}]].") == score

    def test_the_last_one_counts(self) -> None:
        assert parse_judgement("[[A>>B]]? No: [[B>A]]") == -1.0
        assert parse_judgement("A>>B") is None

    def test_rows(self) -> None:
        row = {
            "prompt": "hi?", "first": "one", "second": "two",
            "judgements": [
                {"order": "AB", "verdict": "A>>B"},
                {"order": "BA", "verdict": "Hm. [[B>A]]"},
                {"order": "BA", "score": -2},
            ],
        }  # fmt: skip
        pair = to_judged(row, 5)
        assert (pair.number, pair.messages) == (5, ASKED)
        assert [j.score for j in pair.judgements] == [3.0, -1.0, -2.0]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"first": None}, "no first"),
            ({"judgements": "AB"}, "not a list"),
            ({"judgements": [{"verdict": "A>B"}]}, "order"),
            ({"judgements": [{"order": "AB", "verdict": "A wins"}]}, "needs a verdict"),
            ({"judgements": [{"order": "AB", "score": True}]}, "needs a verdict"),
            ({"judgements": [{"order": "AB", "score": float("nan")}]}, "needs a verdict"),
        ],
    )
    def test_faults(self, change: dict, reason: str) -> None:
        row = {"prompt": "hi?", "first": "one", "second": "two", "judgements": [], **change}
        with pytest.raises(RowError, match=reason):
            to_judged(row, 1)
