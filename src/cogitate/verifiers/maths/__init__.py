"""Mathematical answers: exact rules first, then math-verify in killable worker processes."""

from cogitate.verifiers.maths.extract import TEMPLATES, Template, extract
from cogitate.verifiers.maths.symbolic import MathsPool
from cogitate.verifiers.maths.verify import check_gold, verify_batch, verify_maths

__all__ = [
    "TEMPLATES",
    "MathsPool",
    "Template",
    "check_gold",
    "extract",
    "verify_batch",
    "verify_maths",
]
