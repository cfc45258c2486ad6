"""The kinds that are decided by the verifier for mathematics: GSM8K answers and antiderivatives."""

from collections.abc import Mapping
from dataclasses import replace

from cogitate.verdict import Status, Verdict
from cogitate.verifiers.exact import parse_number
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_mapping, gold_text

MARK = "####"


def read_number(gold: object) -> str:
    """A number, perhaps at the end of a worked solution behind ``####``."""
    text = gold_text(gold).rpartition(MARK)[2].strip()
    if parse_number(text, percent=True, currency=True) is None:
        raise GoldError(f"{text[:40]!r} is not a number")
    return text


def judge_number(gold: str, text: str) -> Verdict:
    """CORRECT if the text has one answer behind ``####`` and it is that number."""
    from cogitate.verifiers.maths import verify_maths  # its worker pool is not needed elsewhere

    return _wrong_without_answer(verify_maths(gold, text, template="hash4"))


def read_integral(gold: object) -> Mapping[str, str]:
    """``{"integrand": expression, "variable": name}``."""
    from cogitate.verifiers.maths.notation import tokens
    from cogitate.verifiers.maths.syntax import parse_expression

    fields = gold_mapping(gold, required=("integrand",), optional=("variable",))
    integrand, variable = gold_text(fields["integrand"]), fields.get("variable", "x")
    if not isinstance(variable, str) or not variable.isalpha():
        raise GoldError('"variable" must be a name')
    try:
        parse_expression(tokens(integrand))
    except ValueError as error:
        raise GoldError(f"the integrand is no expression: {error}") from error
    return {"integrand": integrand, "variable": variable}


def judge_integral(gold: Mapping[str, str], text: str) -> Verdict:
    """CORRECT if the derivative of the answer is the integrand."""
    from cogitate.verifiers.maths.integral import verify_integral

    return _wrong_without_answer(verify_integral(gold, text))


def _wrong_without_answer(verdict: Verdict) -> Verdict:
    """A text without an answer is wrong here, as it is for the other kinds."""
    missing = verdict.status is Status.UNPARSEABLE
    return replace(verdict, status=Status.WRONG) if missing else verdict


GSM8K = Rule(kind="gsm8k", read_gold=read_number, judge=judge_number)
INTEGRATION = Rule(kind="integration", read_gold=read_integral, judge=judge_integral)
