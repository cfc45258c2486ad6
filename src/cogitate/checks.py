"""One line of a check-up: what was looked at, what was seen, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``advice`` says what to do; it is empty when all is well."""

    name: str
    status: Status
    seen: str
    advice: str = ""


def all_ok(checks: Sequence[Check]) -> bool:
    """Whether nothing failed. Warnings do not count."""
    return all(check.status != "fail" for check in checks)


def check_lines(checks: Sequence[Check]) -> list[str]:
    """Aligned text: ``ok    memory     21.3 GB free``, with advice on its own line.

    >>> check_lines([Check(name="disk", status="fail", seen="1 MB free", advice="Free some.")])
    ['fail  disk  1 MB free', '      -> Free some.']
    """
    width = max((len(check.name) for check in checks), default=0)
    lines: list[str] = []
    for check in checks:
        lines.append(f"{check.status:<4}  {check.name:<{width}}  {check.seen}")
        if check.advice:
            lines.append(f"      -> {check.advice}")
    return lines
