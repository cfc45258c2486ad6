"""GSM8K: the number behind ``####``, compared by the rule for mathematics."""

from dataclasses import replace

from cogitate.verdict import Status, Verdict
from cogitate.verifiers.exact import parse_number
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_text

MARK = "####"


def read_gold(gold: object) -> str:
    """A number, perhaps at the end of a worked solution behind ``####``."""
    text = gold_text(gold).rpartition(MARK)[2].strip()
    if parse_number(text, percent=True, currency=True) is None:
        raise GoldError(f"{text[:40]!r} is not a number")
    return text


def judge(gold: str, text: str) -> Verdict:
    """CORRECT if the text has one answer behind ``####`` and it is that number; a text without one
    is wrong here, as it is for the other kinds."""
    from cogitate.verifiers.maths import verify_maths  # its worker pool is not needed elsewhere

    verdict = verify_maths(gold, text, template="hash4")
    missing = verdict.status is Status.UNPARSEABLE
    return replace(verdict, status=Status.WRONG) if missing else verdict


RULE = Rule(kind="gsm8k", read_gold=read_gold, judge=judge)
