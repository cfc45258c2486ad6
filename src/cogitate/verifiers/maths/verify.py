r"""Is this mathematical answer right? Extraction, the exact rules, and the pool for the rest."""

import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial

from cogitate.verdict import Status, Verdict, bad_gold, correct, unparseable, wrong
from cogitate.verifiers.exact import parse_number
from cogitate.verifiers.maths.compare import Comparison
from cogitate.verifiers.maths.extract import Extracted, extract, has_forbidden_characters
from cogitate.verifiers.maths.notation import normalise
from cogitate.verifiers.maths.options import option_letter
from cogitate.verifiers.maths.reader import MAX_CHARS, is_answer_text, read
from cogitate.verifiers.maths.symbolic import MathsPool, default_pool
from cogitate.verifiers.maths.trees import TooLarge
from cogitate.verifiers.maths.values import Listing, Opaque, Scalar, Value

MAX_GOLD_CHARS = MAX_CHARS
MAX_WORDS = 6
"""Words of a gold answer between two commas; more is prose."""
MAX_BARE_WORDS = 4
"""The same outside of \\text{}."""
# Opaque readings that are compared as they are written.
_EXACT = ("", "relation", "set by a rule", "union")
_WORD = re.compile(r"[^\W\d_]{3,}")
_TEXTS = re.compile(r"\\(?:text|mbox|textbf|mathrm)\s*\{[^{}]*\}")
_COMMANDS = re.compile(r"\\[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold answer as read once: its text, its readings, its number if it is a plain one."""

    text: str
    readings: tuple[Value, ...]
    number: Fraction | None
    problem: str | None = None

    @property
    def is_many(self) -> bool:
        """Whether it is a bare list, which several boxes may spell out."""
        return any(isinstance(r, Listing) and r.brackets in ("", "{}") for r in self.readings)


def verify_maths(
    gold: str,
    text: str,
    *,
    template: str = "boxed",
    policy: str | None = None,
    arity: int | None = None,
    pool: MathsPool | None = None,
    prefilled: bool = False,
) -> Verdict:
    r"""Whether the answer that ``text`` declares equals ``gold``.

    ``text`` is a completion or its final part; only what stands after the last ``</think>`` and in
    the declared ``template`` counts. ``arity`` is the number of values of the gold where its text
    does not say so. ``policy`` names exceptions, separated by commas: "last-box" (evaluation: the
    last box counts even if others differ), "units-strict-when-gold-has-one" (the unit may not be
    missing), "allow-set-relation" (an inequality for a gold interval), "percent-optional".
    ``prefilled`` says that the prompt ended with ``<think>``. ``pool`` decides what exact rules
    cannot; by default one pool per process, started when first needed.

    >>> verify_maths(r"\frac{1}{2}", r"so it is $\boxed{0.5}$").correct
    True
    >>> verify_maths("42", r"\boxed{41} or \boxed{42}").cause
    'hedged'
    """
    start = time.perf_counter()
    known = read_gold(gold, arity)
    if known.problem is not None:
        verdict = bad_gold(gold=gold[:200], cause="bad_gold", reason=known.problem, engine="maths")
    else:
        policies = frozenset((policy or "").replace(" ", "").split(","))
        try:
            verdict = _verify(known, extract(text, template, prefilled=prefilled), policies, pool)
        except RecursionError:
            verdict = wrong(gold=known.text, cause="too_large_depth", engine="maths")
    return replace(verdict, milliseconds=(time.perf_counter() - start) * 1000)


def verify_batch(
    pairs: Iterable[tuple[str, str]],
    *,
    template: str = "boxed",
    pool: MathsPool | None = None,
    threads: int = 2,
) -> list[Verdict]:
    """``verify_maths`` of (gold, text) pairs, in their order; ``threads`` keep a pool busy."""
    with ThreadPoolExecutor(threads, thread_name_prefix="maths") as executor:
        judge = partial(_judge_pair, template=template, pool=pool)
        return list(executor.map(judge, pairs))


def _judge_pair(pair: tuple[str, str], *, template: str, pool: MathsPool | None) -> Verdict:
    return verify_maths(*pair, template=template, pool=pool)


def check_gold(gold: str) -> str | None:
    r"""Why a gold answer cannot be used, or None if it can.

    >>> check_gold("42"), check_gold("")
    (None, 'it is empty')
    """
    return read_gold(gold, None).problem


@lru_cache(maxsize=8192)
def read_gold(gold: str, arity: int | None) -> Gold:
    """A gold answer, read once. Its ``problem`` says why it cannot be used."""
    text = "".join(c for c in gold if not has_forbidden_characters(c)).strip()
    if not text or (not is_answer_text(text) and not text.strip("$ .").startswith("\\")):
        return Gold(text, (), None, "it is empty")
    if len(text) > MAX_GOLD_CHARS:
        return Gold(text[:200], (), None, f"it is longer than {MAX_GOLD_CHARS} characters")
    try:
        readings = _gold_readings(text, arity)
    except (TooLarge, RecursionError) as problem:
        return Gold(text, (), None, f"it is beyond the cap on {problem}")
    if problem := _unusable(text, readings):
        return Gold(text, (), None, problem)
    value = parse_number(text, percent=True, currency=True) if len(readings) == 1 else None
    if any(isinstance(r, Listing) for r in readings):
        value = None
    return Gold(text, readings, value, None)


def _unusable(text: str, readings: Sequence[Value]) -> str | None:
    """Why no answer can be compared with a gold answer that was read like this."""
    for allowed, prose in ((MAX_WORDS, text), (MAX_BARE_WORDS, _TEXTS.sub(" ", text))):
        longest = max(len(_WORD.findall(part)) for part in _COMMANDS.sub(" ", prose).split(","))
        if longest > allowed:
            return f"it is a sentence: {longest} words between commas, {allowed} are allowed"
    broken = next((r for r in readings if isinstance(r, Opaque) and r.why not in _EXACT), None)
    if broken is not None and broken is readings[0]:
        return f"it is no mathematical value that this verifier can read: {broken.why}"
    return None


def _gold_readings(text: str, arity: int | None) -> tuple[Value, ...]:
    grouped, loose = read(text), read(text, grouped=False)
    if grouped == loose:
        return (grouped,)
    if arity is not None and arity > 1:
        fitting = [r for r in (grouped, loose) if isinstance(r, Listing) and len(r.items) == arity]
        return tuple(fitting) or (grouped,)
    # Inside brackets a comma separates, unless ", " shows that a tight one may not.
    bracketed = any(c in text for c in "([{")
    return (loose,) if bracketed and ", " not in text else (grouped, loose)


def _verify(
    gold: Gold, found: Extracted, policies: frozenset[str], pool: MathsPool | None
) -> Verdict:
    shown = {"gold": gold.text, "engine": "maths"}
    if found.cause in ("hedged", "flooding"):
        return wrong(**shown, cause=found.cause, reason="more than one answer is declared")
    if not found.found:
        reason = {"truncated": "it ends before an answer is given"}.get(found.cause, "no answer")
        return unparseable(**shown, cause=found.cause, reason=reason)
    answers = found.answers if "last-box" not in policies else found.answers[-1:]
    for answer in answers:
        if len(answer) > MAX_CHARS:
            return wrong(**shown, answer=answer[:200], cause="too_large_length")
        if has_forbidden_characters(answer):
            return wrong(**shown, answer=answer[:200], cause="control_characters")
    answers = tuple(a for a in answers if is_answer_text(a) or normalise(a).startswith("\\"))
    if not answers:
        return unparseable(**shown, cause="empty", reason="the answer is empty")
    if len(answers) == 1:
        return _judge(gold, answers[0], policies, pool)
    return _judge_several(gold, answers, policies, pool)


def _judge_several(
    gold: Gold, answers: Sequence[str], policies: frozenset[str], pool: MathsPool | None
) -> Verdict:
    """Several boxes: one value, or together the members of a gold list, or hedging."""
    distinct = list(dict.fromkeys(normalise(a) for a in answers))
    if len(distinct) == 1 and not gold.is_many:
        return _judge(gold, answers[-1], policies, pool)
    last = answers[-1]
    if len(distinct) <= 8 and all(_same(last, other) for other in answers[:-1]):
        verdict = _judge(gold, last, policies, pool)
        if verdict.correct or not gold.is_many:
            return verdict
    if gold.is_many and len(answers) <= 64:
        joined = _judge(gold, ", ".join(answers), policies, pool)
        if joined.correct or len(distinct) == len(answers):
            return joined
        return _judge(gold, ", ".join(dict.fromkeys(answers)), policies, pool)
    return wrong(
        gold=gold.text,
        answer="; ".join(answers[:8])[:200],
        engine="maths",
        cause="hedged",
        reason=f"{len(distinct)} different answers are declared",
    )


def _same(one: str, other: str) -> bool:
    try:
        return Comparison().equal(read(one), read(other)) is True
    except (TooLarge, RecursionError):
        return False


def _judge(gold: Gold, answer: str, policies: frozenset[str], pool: MathsPool | None) -> Verdict:
    if gold.number is not None:
        value = parse_number(answer, currency=True)
        if value is not None and value == gold.number:
            return correct(gold=gold.text, answer=answer, engine="number")
    if option_letter(gold.text, answer):
        return correct(gold=gold.text, answer=answer, engine="option")
    try:
        readings = [read(answer)]
        if "," in answer:
            readings.append(read(answer, grouped=False))
    except TooLarge as problem:
        return wrong(
            gold=gold.text,
            answer=answer[:200],
            engine="maths",
            cause=f"too_large_{problem}",
            reason=f"the answer is beyond the cap on {problem}",
        )
    return _decide(gold, answer, readings, policies, pool)


def _decide(
    gold: Gold,
    answer: str,
    readings: Sequence[Value],
    policies: frozenset[str],
    pool: MathsPool | None,
) -> Verdict:
    fault = ""
    undecided: list[list[tuple[Scalar, Scalar]]] = []
    for wanted in gold.readings:
        for given in readings:
            comparison = Comparison(
                set_relation="allow-set-relation" in policies,
                strict_units="units-strict-when-gold-has-one" in policies,
                percent_optional="percent-optional" in policies,
            )
            verdict = comparison.equal(wanted, given)
            if verdict:
                return correct(gold=gold.text, answer=answer, engine=engine_name(wanted))
            if verdict is None:
                undecided.append(comparison.open)
            fault = fault or comparison.fault
    if undecided:
        ask = pool or default_pool()
        return ask.decide(gold.text, answer, undecided[0])
    given = readings[0]
    if not fault and isinstance(given, Opaque):
        fault = given.why.split(" ")[0] if given.why.startswith("unevaluated") else "not_a_value"
    return wrong(
        gold=gold.text,
        answer=answer[:200],
        engine=engine_name(gold.readings[0]),
        cause=fault or "different",
    )


def engine_name(value: Value) -> str:
    """The rule that judges a gold answer, for reports."""
    if isinstance(value, Scalar):
        return "number" if value.node[0] == "num" else "algebra"
    return type(value).__name__.lower()


def is_masked(verdict: Verdict) -> bool:
    """Whether a verdict says nothing about the answer."""
    return verdict.status in (Status.TIMEOUT, Status.CRASHED, Status.BAD_GOLD)
