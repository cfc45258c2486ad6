import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogitate.errors import SandboxError
from cogitate.sandbox.program import Program, RunResult
from cogitate.verdict import CaseResult, CaseStatus, Status, Verdict
from cogitate.verifiers import grade as grading
from cogitate.verifiers.grade import (
    Row,
    RowFault,
    RowVerifier,
    fields,
    grade,
    known_kinds,
)
from cogitate.verifiers.row_fields import POLICIES


@pytest.fixture(scope="module")
def verifier() -> Iterator[RowVerifier]:
    with RowVerifier(workers=2) as shared:
        yield shared


def row(completion: str, gold: Any = "57", kind: str = "math", **more: Any) -> dict[str, Any]:
    return {"task_kind": kind, "ground_truth": gold, "completion": completion, **more}


class TestCompletions:
    @pytest.mark.parametrize(
        ("completion", "more", "status"),
        [
            ("<think>a</think>\\boxed{57}", {}, Status.CORRECT),
            ("\\boxed{57}", {}, Status.CORRECT),
            ("a</think>\\boxed{57}", {"prefilled_think": True}, Status.CORRECT),
            ("<think>a\\boxed{57}", {}, Status.UNPARSEABLE),
            ("a \\boxed{57}", {"prefilled_think": True}, Status.UNPARSEABLE),
            ("<think>\\boxed{57}</think>done", {}, Status.UNPARSEABLE),
            ("<think>a</think>\\boxed{58}<|im_end|>\\boxed{57}", {}, Status.WRONG),
            ("<think>a</think>\\boxed{57}<|im_end|>\\boxed{58}", {}, Status.CORRECT),
        ],
    )
    def test_only_what_follows_the_thinking_counts(
        self, verifier: RowVerifier, completion: str, more: dict[str, Any], status: Status
    ) -> None:
        assert verifier.verify(row(completion, **more)).status is status

    @pytest.mark.parametrize(
        ("kind", "gold"),
        [
            ("math", "57"), ("gsm8k", "57"), ("mcq", "A"), ("judge", "57"),
            ("countdown", {"numbers": [57], "target": 57}),
            ("code_stdio", {"type": "stdio", "tests": [{"input": "", "output": "57"}]}),
        ],
    )  # fmt: skip
    def test_thinking_that_never_ends_is_truncated(
        self, verifier: RowVerifier, kind: str, gold: Any
    ) -> None:
        verdict = verifier.verify(row("<think>57", gold, kind))
        assert (verdict.status, verdict.cause) == (Status.UNPARSEABLE, "truncated")
        assert verdict.correct is False

    def test_format_sees_the_thinking(self, verifier: RowVerifier) -> None:
        layout = "<think>...</think><answer>...</answer>"
        good = "<think>\nok\n</think>\n<answer>57</answer>"
        assert verifier.verify(row(good, layout, "format")).correct
        assert not verifier.verify(row("<answer>57</answer>", layout, "format")).correct
        assert not verifier.verify(row(f"{good} bye", layout, "format")).correct
        assert verifier.verify(row(f"{good}<|im_end|> bye", layout, "format")).correct

    def test_a_completion_beyond_all_bounds_is_wrong(
        self, verifier: RowVerifier, monkeypatch
    ) -> None:
        monkeypatch.setattr(grading, "MAX_COMPLETION_CHARS", 10)
        verdict = verifier.verify(row("\\boxed{57}  "))
        assert (verdict.status, verdict.cause) == (Status.WRONG, "too_long")

    @pytest.mark.parametrize(
        ("completion", "kind", "gold"),
        [
            ("\\box ed{58} \\boxed{57}", "math", "57"),
            ("\\Boxed{C} \\boxed{B}", "mcq", "B"),
            ("<Think>so \\boxed{57}", "math", "57"),
        ],
    )
    def test_spoilt_marks_give_no_answer(
        self, verifier: RowVerifier, completion: str, kind: str, gold: str
    ) -> None:
        verdict = verifier.verify(row(completion, gold, kind))
        assert (verdict.status, verdict.cause) == (Status.UNPARSEABLE, "spoilt_mark")

    def test_programs_may_hold_anything(self, verifier: RowVerifier) -> None:
        gold = {"type": "stdio", "tests": [{"input": "", "output": "< think >"}]}
        verdict = verifier.verify(row("```python\nprint('< think >')\n```", gold, "code_stdio"))
        assert verdict.correct

    def test_how_long_a_program_may_take(self) -> None:
        normal = grading._limits(None)
        assert (grading._limits(20.0).wall_seconds, grading._limits(20.0).cpu_seconds) == (8.0, 1.0)
        assert grading._limits(10_000.0) == normal
        assert Row.from_mapping(row("x", must_finish_s=3)).seconds == 3.0
        assert Row.from_mapping(row("x", must_finish_s=None)).seconds is None
        for odd in (0, -1, True, "20", float("nan"), float("inf")):
            with pytest.raises(RowFault, match="must_finish_s is .*, not a number of seconds"):
                Row.from_mapping(row("x", must_finish_s=odd))

    def test_gold_answers_of_gsm8k_are_worked_solutions(self, verifier: RowVerifier) -> None:
        assert verifier.verify(row("#### 57", "19 * 3 = 57\n#### 57", "gsm8k")).correct


class TestOptions:
    def test_templates(self, verifier: RowVerifier) -> None:
        answer = "<think>a</think><answer>57</answer>"
        assert verifier.verify(row(answer, template="answer_tag")).correct
        assert not verifier.verify(row(answer)).correct
        assert verifier.verify(row("#### 57", kind="gsm8k")).correct
        assert not verifier.verify(row("#### 57")).correct
        assert verifier.verify(row("\\boxed{57}", kind="gsm8k", template="boxed")).correct

    def test_arity(self, verifier: RowVerifier) -> None:
        boxes = "\\boxed{3} and \\boxed{8}"
        assert verifier.verify(row(boxes, "3, 8", gold_arity=2)).correct

    def test_gold_answers_that_are_numbers(self, verifier: RowVerifier) -> None:
        assert verifier.verify(row("\\boxed{57}", 57)).correct

    def test_gold_answers_that_are_lists(self, verifier: RowVerifier) -> None:
        assert verifier.verify(row("\\boxed{57}", ["57"])).correct
        assert verifier.verify(row("\\boxed{3, 8}", ["3", 8])).correct
        assert not verifier.verify(row("\\boxed{3}", [3, 8])).correct
        assert verifier.verify(row("#### 57", ["so\n#### 57"], "gsm8k")).correct
        both = ["so\n#### 3", "and\n#### 8"]
        assert verifier.verify(row("#### 3, 8", both, "gsm8k")).correct

    @pytest.mark.parametrize("policy", [*POLICIES, "last-box, nfkc", ""])
    def test_policies_that_there_are(self, verifier: RowVerifier, policy: str) -> None:
        assert verifier.verify(row("\\boxed{57}", policy=policy)).correct

    def test_our_own_names(self, verifier: RowVerifier) -> None:
        assert verifier.verify({"kind": "mcq", "gold": "B", "completion": "Answer: B"}).correct

    def test_a_judge_decides_what_the_rule_cannot(self) -> None:
        asked = []

        def judge(question: str, gold: str, answer: str) -> Verdict:
            asked.append((question, gold, answer))
            return Verdict(status=Status.WRONG, cause="judged")

        with RowVerifier(judge=judge) as verifier:
            verdict = verifier.verify(
                row("<think>x</think>a river", "the Loire", "judge", question="Which?")
            )
        assert verdict.cause == "judged"
        assert asked == [("Which?", "the Loire", "a river")]

    def test_without_a_judge_it_is_masked(self, verifier: RowVerifier) -> None:
        verdict = verifier.verify(row("a river", "the Loire", "judge"))
        assert (verdict.status, verdict.correct) == (Status.CRASHED, None)

    def test_a_second_run(self, verifier: RowVerifier, monkeypatch) -> None:
        calls = []
        real = verifier._verify
        monkeypatch.setattr(verifier, "_verify", lambda asked: calls.append(1) or real(asked))
        assert verifier.verify(row("\\boxed{57}", run_twice=True)).correct
        assert len(calls) == 2


class TestFaults:
    @pytest.mark.parametrize(
        ("bad", "cause", "says"),
        [
            ({}, "missing_field", "no task_kind or kind"),
            ({"task_kind": "math", "completion": "x"}, "missing_field", "no ground_truth or gold"),
            ({"task_kind": "math", "ground_truth": "1"}, "missing_field", "no completion"),
            ({"task_kind": "math", "ground_truth": None, "completion": ""}, "missing_field", "no g"),
            ({"task_kind": 7, "ground_truth": "1", "completion": "x"}, "wrong_type", "is int, not str"),
            ({"task_kind": "math", "ground_truth": "1", "completion": ["x"]}, "wrong_type", "list"),
            (row("x", template=7), "wrong_type", "template is int"),
            (row("x", gold_arity=True), "wrong_type", "gold_arity is bool"),
            (row("x", prefilled_think="yes"), "wrong_type", "prefilled_think is str"),
            (row("x", True), "wrong_type", "ground_truth is or holds bool"),
            (row("x", {"a": 1}), "wrong_type", "ground_truth is or holds dict"),
            (row("x", [["1"]], "gsm8k"), "wrong_type", "ground_truth is or holds list"),
            (row("x", []), "wrong_type", "a list without values"),
            (row("x", policy="lastbox"), "bad_value", 'unknown policy "lastbox". Known: last-box'),
            (row("x", template="box"), "bad_value", 'unknown template "box". Known: boxed'),
            (row("x", kind="maht"), "unknown_kind", 'Did you mean "math"?'),
            ([1], "bad_json", "not list"),
        ],
    )  # fmt: skip
    def test_rows_that_cannot_be_verified(
        self, verifier: RowVerifier, bad: Any, cause: str, says: str
    ) -> None:
        with pytest.raises(RowFault, match=says) as caught:
            verifier.verify(bad)
        assert caught.value.cause == cause

    def test_a_program_needs_tests(self, verifier: RowVerifier) -> None:
        for gold in ("none", "[1]", 7):
            verdict = verifier.verify(row("```python\nprint(1)\n```", gold, "code_stdio"))
            assert (verdict.status, verdict.correct) == (Status.BAD_GOLD, None)

    @pytest.mark.parametrize(
        ("kind", "type_"), [("code_function", "stdio"), ("code_stdio", "function")]
    )
    def test_tests_of_the_other_kind(self, verifier: RowVerifier, kind: str, type_: str) -> None:
        gold = {"type": type_, "tests": [{"input": "", "output": "1"}]}
        verdict = verifier.verify(row("```python\nprint(1)\n```", gold, kind))
        assert verdict.status is Status.BAD_GOLD
        assert f'tests of type "{type_}"' in verdict.reason

    def test_programs_need_a_sandbox(self) -> None:
        gold = {"type": "stdio", "tests": [{"input": "", "output": "1"}]}
        rows = [row("```python\nprint(1)\n```", json.dumps(gold), "code_stdio")]
        with RowVerifier(sandbox="gaol") as verifier, pytest.raises(SandboxError):
            list(verifier.verify_all(rows))


class Untouched:
    """A sandbox that says what it was asked and runs nothing."""

    name = "untouched"

    def run(self, program: Program) -> RunResult:
        raise AssertionError("nothing is run")

    def spawn(self, program: Program, *, read_only: tuple[str, ...] = ()) -> Any:
        raise AssertionError("nothing is started")


class TestMany:
    def test_order_and_faults(self, verifier: RowVerifier) -> None:
        rows: list[Any] = [row(f"\\boxed{{{i}}}", str(i - i % 2)) for i in range(200)]
        rows[50] = {"task_kind": "math"}
        rows[51] = "text"
        outcomes = list(verifier.verify_all(rows))
        assert [isinstance(o, RowFault) for o in outcomes[49:53]] == [False, True, True, False]
        right = [o.correct for o in outcomes if isinstance(o, Verdict)]
        assert right[:6] == [True, False] * 3
        assert len(outcomes) == 200

    def test_rows_are_taken_as_needed(self, verifier: RowVerifier) -> None:
        taken = []

        def endless() -> Iterator[dict[str, Any]]:
            while True:
                taken.append(1)
                yield row("\\boxed{57}")

        outcomes = verifier.verify_all(endless())
        for _ in range(3):
            next(outcomes)
        outcomes.close()  # type: ignore[attr-defined]
        assert len(taken) <= 16 * verifier.workers + 3

    def test_a_verifier_that_raises_costs_one_row(self, verifier: RowVerifier, monkeypatch) -> None:
        def broken(asked: Row) -> Verdict:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(verifier, "_verify", broken)
        [outcome] = verifier.verify_all([row("\\boxed{57}")])
        assert isinstance(outcome, Verdict)
        assert (outcome.status, outcome.cause) == (Status.CRASHED, "verifier_raised")
        assert "a fault of ours" in outcome.reason

    def test_a_sandbox_of_ones_own(self) -> None:
        with RowVerifier(sandbox=Untouched()) as verifier:
            assert verifier.use_sandbox().name == "untouched"
            gold = {"type": "stdio", "tests": [{"input": "", "output": "1"}]}
            verdict = verifier.verify(row("no program", gold, "code_stdio"))
        assert verdict.correct is False

    def test_no_rows(self, verifier: RowVerifier) -> None:
        assert list(verifier.verify_all([])) == []


class TestFields:
    def test_a_verdict(self) -> None:
        cases = (CaseResult(status=CaseStatus.FAILED, seconds=0.12345, reason="no"),)
        verdict = Verdict(
            status=Status.WRONG, score=0.5, answer="a", gold="g", engine="e", cause="c",
            reason="r", milliseconds=1.23456, cases=cases,
        )  # fmt: skip
        assert fields(verdict) == {
            "verdict": "wrong", "correct": False, "reward": 0.5, "parsed_answer": "a",
            "parsed_gold": "g", "milliseconds": 1.235, "engine": "e", "cause": "c", "reason": "r",
            "cases": [{"status": "failed", "seconds": 0.1235, "reason": "no"}],
        }  # fmt: skip

    def test_a_masked_verdict_has_no_reward(self) -> None:
        added = fields(Verdict(status=Status.TIMEOUT))
        assert (added["verdict"], added["correct"], added["reward"]) == ("timeout", None, None)
        assert "cases" not in added

    def test_a_fault(self) -> None:
        added = fields(RowFault("unknown_kind", "what?"))
        assert (added["verdict"], added["correct"], added["reward"]) == ("bad_row", None, None)
        assert (added["cause"], added["reason"]) == ("unknown_kind", "what?")


def test_one_row() -> None:
    assert grade(row("Answer: B", "B", "mcq")).correct is True
    assert grade(row("\\boxed{57}")).correct is True
    with pytest.raises(RowFault):
        grade({})


def test_known_kinds() -> None:
    assert {"math", "gsm8k", "mcq", "code_stdio", "code_function", "countdown", "format",
            "judge"} <= set(known_kinds())  # fmt: skip


PIECES = ("<think>", "</think>", "\\boxed{57}", "\\boxed{58}", "<|im_end|>", " a ", "<answer>", "57",
          "</answer>", "#### ", "\u200b", "{", "}", "\n", "Answer: B", "\x00")  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.sampled_from(["math", "mcq", "format", "gsm8k", "judge"]),
)
def test_any_completion_gets_a_verdict(completion: str, kind: str) -> None:
    golds = {"mcq": "B", "format": "<think>...</think>"}
    verdict = grade(row(completion, golds.get(kind, "57"), kind))
    assert verdict.status in (Status.CORRECT, Status.WRONG, Status.UNPARSEABLE, Status.CRASHED)
    if kind == "math" and verdict.correct:
        after = completion.partition("<|im_end|>")[0].rpartition("</think>")[2]
        assert "\\boxed{57}" in after
        assert "\\boxed{58}" not in after
