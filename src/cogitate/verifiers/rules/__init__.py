"""One rule for each kind of answer; mathematics and programs have verifiers of their own.

``RULES[kind](gold, text)`` is a verdict. It raises nothing, takes time proportional to the text,
and may be called from several threads. Which kinds there are, what their gold answers look like
and what counts is in docs/rules.md.
"""

from collections.abc import Mapping
from typing import Any

from cogitate.verdict import Verdict
from cogitate.verifiers.rules import (
    choice,
    code_output,
    countdown,
    instructions,
    layout,
    logic,
    mathematics,
    matrix,
    prose,
    schema_rule,
    text_match,
    tools,
)
from cogitate.verifiers.rules.rule import GoldError, Rule

__all__ = ["RULES", "WHOLE_COMPLETION", "GoldError", "Rule", "check_gold", "verify"]

RULES: Mapping[str, Rule[Any]] = {
    rule.kind: rule
    for rule in (
        choice.RULE,
        countdown.RULE,
        layout.RULE,
        matrix.RULE,
        text_match.TEXT,
        text_match.EXACT,
        prose.LANGUAGE,
        prose.STEPS,
        prose.REPETITION,
        prose.LENGTH,
        mathematics.GSM8K,
        mathematics.INTEGRATION,
        schema_rule.RULE,
        tools.RULE,
        instructions.RULE,
        logic.RULE,
        code_output.RULE,
    )
}
"""Kind -> rule."""

WHOLE_COMPLETION = frozenset(kind for kind, rule in RULES.items() if rule.whole_completion)
"""Kinds whose text is the whole completion with its thinking; the others get what follows it."""


def verify(kind: str, gold: object, text: str, *, prefilled: bool = False) -> Verdict:
    """The verdict of the rule of this kind.

    Raises:
        KeyError: there is no such kind.
    """
    return RULES[kind](gold, text, prefilled=prefilled)


def check_gold(kind: str, gold: object) -> str | None:
    """Why a gold answer cannot be used for this kind, or None.

    >>> check_gold("mcq", "C"), check_gold("countdown", {"target": 7})
    (None, '"numbers" must be a list of 1 to 64 numbers')
    """
    if kind not in RULES:
        return f'no rule for kind "{kind}"; known: {", ".join(sorted(RULES))}'
    return RULES[kind].check_gold(gold)
