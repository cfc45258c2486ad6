"""Mathematical answers: exact rules first, then math-verify in killable worker processes.

The names below are imported on first use: the worker processes import this package too and need
little of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cogitate.verifiers.maths.audit import compare_engines
    from cogitate.verifiers.maths.extract import TEMPLATES, Template, extract
    from cogitate.verifiers.maths.integral import verify_integral
    from cogitate.verifiers.maths.symbolic import MathsPool, default_pool
    from cogitate.verifiers.maths.verify import check_gold, verify_batch, verify_maths

_LAZY = {
    "TEMPLATES": "extract",
    "MathsPool": "symbolic",
    "Template": "extract",
    "check_gold": "verify",
    "compare_engines": "audit",
    "default_pool": "symbolic",
    "extract": "extract",
    "verify_batch": "verify",
    "verify_integral": "integral",
    "verify_maths": "verify",
}

__all__ = [
    "TEMPLATES",
    "MathsPool",
    "Template",
    "check_gold",
    "compare_engines",
    "default_pool",
    "extract",
    "verify_batch",
    "verify_integral",
    "verify_maths",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. Known: {__all__}")
    value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
