"""Instructions whose following can be checked: how long, which words, which format.

Papers: IFEval (arXiv:2311.07911) and its Spanish, French and Japanese counterpart M-IFEval
(arXiv:2502.04688).
"""

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cogitate.verdict import CaseResult, CaseStatus, Status, Verdict
from cogitate.verifiers.rules.instructions import general, japanese, romance
from cogitate.verifiers.rules.instructions.counting import RELATIONS, Relation
from cogitate.verifiers.rules.rule import GoldError, Rule, gold_mapping

MAX_INSTRUCTIONS = 32
"""Most instructions of one gold answer."""

Check = Callable[..., bool]

CHECKS: Mapping[str, Check] = {
    **general.CHECKS,
    **{
        f"{language}:{name}": check
        for language, checks in (
            ("en", general.CHECKS),
            ("es", romance.SPANISH),
            ("fr", romance.FRENCH),
            ("ja", japanese.JAPANESE),
        )
        for name, check in checks.items()
    },
}
"""Instruction id -> check. Ids without a language are IFEval's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction with its arguments as its check takes them."""

    name: str
    check: Check
    arguments: Mapping[str, Any]

    def followed(self, text: str) -> bool:
        """Whether the text follows it; a text without a visible character follows nothing."""
        return bool(text.strip()) and self.check(text, **self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionsGold:
    """The instructions, whether a loose reading counts, whether a fraction scores."""

    instructions: tuple[Instruction, ...]
    loose: bool = False
    fraction: bool = False


def read_gold(gold: object) -> InstructionsGold:
    """``{"instruction_id_list": [ids], "kwargs": [arguments]}`` as IFEval has it, perhaps with
    ``"mode": "strict" | "loose"`` and ``"score": "all" | "fraction"``."""
    fields = gold_mapping(
        gold,
        required=("instruction_id_list",),
        optional=("kwargs", "mode", "score", "lang", "key", "prompt"),
    )
    names = fields["instruction_id_list"]
    if not isinstance(names, list | tuple) or not 0 < len(names) <= MAX_INSTRUCTIONS:
        raise GoldError(f'"instruction_id_list" must be a list of 1 to {MAX_INSTRUCTIONS} ids')
    arguments = fields.get("kwargs", [{}] * len(names))
    if not isinstance(arguments, list | tuple) or len(arguments) != len(names):
        raise GoldError('"kwargs" must be a list with an object for each id')
    if fields.get("mode", "strict") not in ("strict", "loose"):
        raise GoldError('"mode" must be "strict" or "loose"')
    if fields.get("score", "all") not in ("all", "fraction"):
        raise GoldError('"score" must be "all" or "fraction"')
    return InstructionsGold(
        instructions=tuple(map(read_instruction, names, arguments)),
        loose=fields.get("mode") == "loose",
        fraction=fields.get("score") == "fraction",
    )


def read_instruction(name: object, arguments: object) -> Instruction:
    """One instruction; arguments that are null are left out, as in some copies of the data."""
    if not isinstance(name, str) or name not in CHECKS:
        raise GoldError(f"unknown instruction {str(name)[:60]!r}")
    if not isinstance(arguments, Mapping):
        raise GoldError(f"the arguments of {name} must be an object")
    given = {key: value for key, value in arguments.items() if value is not None}
    parameters = _parameters(CHECKS[name])
    unknown = given.keys() - parameters.keys()
    if unknown:
        raise GoldError(f"{name} has no argument {', '.join(sorted(map(str, unknown)))[:60]}")
    read: dict[str, Any] = {}
    for key, (kind, needed) in parameters.items():
        if key in given:
            read[key] = _argument(name, key, kind, given[key])
        elif needed:
            raise GoldError(f"{name} needs the argument {key}")
    if name.endswith("response_language") and not general.known_language(read["language"]):
        raise GoldError(f"no way to tell the language {read['language'][:20]!r}")
    return Instruction(name=name, check=CHECKS[name], arguments=read)


def judge(gold: InstructionsGold, text: str) -> Verdict:
    """CORRECT if every instruction is followed; ``cases`` has the result of each.

    Strict: by the text as it stands. Loose, as in IFEval: also by it without its first or last
    line or both, each with and without its stars, whichever helps an instruction.
    """
    variants = loose_variants(text) if gold.loose else [text]
    followed = [any(map(item.followed, variants)) for item in gold.instructions]
    missed = [i.name for i, right in zip(gold.instructions, followed, strict=True) if not right]
    share = sum(followed) / len(followed)
    return Verdict(
        status=Status.WRONG if missed else Status.CORRECT,
        score=1.0 if not missed else share if gold.fraction else 0.0,
        cause="instruction" if missed else "",
        reason=f"not followed: {', '.join(missed)[:200]}" if missed else "",
        answer=f"{sum(followed)}/{len(followed)}",
        cases=tuple(_cases(gold.instructions, followed)),
    )


def loose_variants(text: str) -> list[str]:
    """The eight texts by which a loose reading judges."""
    lines = text.split("\n")
    cut = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*cut, *(variant.replace("*", "") for variant in cut)]


def _cases(instructions: Iterable[Instruction], followed: Iterable[bool]) -> Iterable[CaseResult]:
    for instruction, right in zip(instructions, followed, strict=True):
        status = CaseStatus.PASSED if right else CaseStatus.FAILED
        yield CaseResult(status=status, reason=instruction.name)


@lru_cache(maxsize=256)
def _parameters(check: Check) -> Mapping[str, tuple[Any, bool]]:
    """Name -> (type, whether it must be given) of the arguments that a gold answer may give."""
    hints = typing.get_type_hints(check)
    return {
        name: (hints[name], parameter.default is parameter.empty)
        for name, parameter in inspect.signature(check).parameters.items()
        if name not in ("text", "pairs")
    }


def _argument(name: str, key: str, kind: Any, value: Any) -> Any:
    """An argument in the type that the check declares for it."""
    if kind is Relation and isinstance(value, str) and value.strip().lower() in RELATIONS:
        return RELATIONS[value.strip().lower()]
    if kind is int and not isinstance(value, bool) and isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        if whole and 0 <= value <= 1_000_000:
            return int(value)
    if kind is str and isinstance(value, str) and value.strip():
        return value
    if kind == tuple[str, ...] and isinstance(value, list | tuple) and value:
        words = [word for word in value if isinstance(word, str) and word.strip()]
        if len(words) == len(value):
            return tuple(words)
    if kind == dict[str, str] and isinstance(value, Mapping) and value:
        pairs = {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, str)}
        if len(pairs) == len(value):
            return pairs
    raise GoldError(f"the argument {key} of {name} cannot be {value!r:.60}")


RULE = Rule(kind="instructions", read_gold=read_gold, judge=judge)
