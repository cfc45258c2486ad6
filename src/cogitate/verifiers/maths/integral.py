"""Antiderivatives: the answer is right if its derivative is the integrand, whatever its form."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace

from cogitate.verdict import Verdict, bad_gold, correct, unparseable, wrong
from cogitate.verifiers.maths.extract import extract, has_forbidden_characters
from cogitate.verifiers.maths.notation import canonical, tokens
from cogitate.verifiers.maths.reader import MAX_CHARS
from cogitate.verifiers.maths.splitting import check_brackets, undress
from cogitate.verifiers.maths.symbolic import MathsPool, default_pool, failed
from cogitate.verifiers.maths.syntax import parse_expression
from cogitate.verifiers.maths.trees import Malformed, Unevaluated, symbols
from cogitate.verifiers.pool import WorkerFailure

_CONSTANTS = frozenset({"C", "c", "K", "k", "C_1", "C_0", "c_1"})
_NAMED = re.compile(r"^\s*(?:[A-Za-z]|[A-Za-z]\([A-Za-z]\)|\\int[^=]*)\s*=(?!=)")
_UNEVALUATED = re.compile(r"\\int(?![A-Za-z])|\u222b|\b[Ii]ntegra(?:l|te)\b")


def verify_integral(
    gold: Mapping[str, str],
    text: str,
    *,
    template: str | None = None,
    pool: MathsPool | None = None,
    prefilled: bool = False,
) -> Verdict:
    """Whether ``text`` declares an antiderivative of ``gold["integrand"]`` in ``gold["variable"]``.

    A constant of integration may be there or not. An integral sign in the answer only restates the
    problem. Without a ``template``, ``<answer>`` counts if there is one, else a box, else all.
    """
    start = time.perf_counter()
    verdict = _verify(gold, text, template, pool, prefilled)
    return replace(verdict, milliseconds=(time.perf_counter() - start) * 1000, engine="derivative")


def _verify(
    gold: Mapping[str, str],
    text: str,
    template: str | None,
    pool: MathsPool | None,
    prefilled: bool,
) -> Verdict:
    integrand, variable = str(gold.get("integrand", "")), str(gold.get("variable", "x"))
    shown = {"gold": f"{integrand} d{variable}"[:200]}
    try:
        part = parse_expression(tokens(undress(integrand)))
    except Malformed as problem:
        return bad_gold(
            **shown, cause="bad_gold", reason=f"the integrand is no expression: {problem}"
        )
    if template is None:
        template = "answer_tag" if "<answer>" in text else "boxed" if "\\boxed" in text else "whole"
    found = extract(text, template, prefilled=prefilled)
    if found.cause in ("hedged", "flooding") or len(set(found.answers)) > 1:
        return wrong(**shown, cause="hedged", reason="more than one answer is declared")
    if not found.found:
        return unparseable(**shown, cause=found.cause)
    answer = found.answers[-1]
    source, cause = _source(answer, symbols(part) | _CONSTANTS | {variable})
    if cause:
        return wrong(**shown, answer=answer[:200], cause=cause)
    return _ask(
        source, canonical(tokens(undress(integrand))), variable, pool, {**shown, "answer": answer}
    )


def _source(answer: str, allowed: frozenset[str]) -> tuple[str, str]:
    """The answer in our spelling, or why it is no antiderivative."""
    if len(answer) > MAX_CHARS:
        return "", "too_large_length"
    if has_forbidden_characters(answer):
        return "", "control_characters"
    # A name or the integral itself may stand before the equals sign.
    answer = _NAMED.sub("", undress(answer))
    if _UNEVALUATED.search(answer):
        return "", "unevaluated"
    parts = tokens(answer)
    try:
        check_brackets(parts)
        unknown = symbols(parse_expression(parts)) - allowed
    except Unevaluated:
        return "", "unevaluated"
    except (Malformed, RecursionError):
        return "", "not_a_value"
    return canonical(parts), "unknowns" if unknown else ""


def _ask(
    answer: str, integrand: str, variable: str, pool: MathsPool | None, shown: dict[str, str]
) -> Verdict:
    try:
        reply = (pool or default_pool()).pool.call({"derivative": [answer, integrand, variable]})
    except WorkerFailure as problem:
        return failed(problem, shown)
    if reply["equal"]:
        return correct(**shown)
    cause = "different" if reply["equal"] is False else "undecided"
    return wrong(cause=cause, **shown)
