"""Is the completion laid out as asked? Exactly what ``cogitate.text.think`` calls strict."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cogitate.text.think import TAGS, THINK_OPEN, AnswerStyle, parse
from cogitate.verdict import Verdict
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_mapping, judged

_TAG = re.compile(r"</?\w+>")
_STYLES: Mapping[tuple[str, ...], AnswerStyle] = {TAGS: "tags", TAGS[:2]: "remainder"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutGold:
    """The declared layout, and whether the prompt already ended with ``<think>``."""

    style: AnswerStyle
    prefilled: bool = False


def read_gold(gold: object) -> LayoutGold:
    """``<think>...</think><answer>...</answer>`` or ``<think>...</think>``, what stands between
    the tags meaning nothing; or ``{"layout": that, "prefilled": true}``."""
    prefilled = False
    if isinstance(gold, Mapping):
        fields = gold_mapping(gold, required=("layout",), optional=("prefilled",))
        gold, prefilled = fields["layout"], fields.get("prefilled", False)
    if not isinstance(gold, str) or not isinstance(prefilled, bool):
        raise GoldError("expected a layout such as <think>...</think><answer>...</answer>")
    style = _STYLES.get(tuple(_TAG.findall(gold[:1000])))
    if style is None:
        raise GoldError(
            f"unknown layout {gold[:80]!r}: known are <think>...</think><answer>...</answer> and "
            "<think>...</think>"
        )
    return LayoutGold(style=style, prefilled=prefilled)


def judge(gold: LayoutGold, text: str) -> Verdict:
    """CORRECT if a strict reader has nothing to object to and there is a thinking section."""
    prefilled = gold.prefilled and not text.startswith(THINK_OPEN)
    parsed = parse(text, style=gold.style, prefilled=prefilled, mode="strict")
    problems = list(parsed.problems)
    if parsed.think is None:
        problems.append("no thinking section")
    return judged(parsed.format_ok and not problems, cause="layout", reason="; ".join(problems[:4]))


RULE = Rule(kind="format", read_gold=read_gold, judge=judge, whole_completion=True)
