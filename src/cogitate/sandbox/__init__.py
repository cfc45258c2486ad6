"""Running programs that nobody trusts: bounded, without network, leaving nothing behind."""

from cogitate.sandbox.attacks import AttackResult, self_test
from cogitate.sandbox.choice import NAMES, get_sandbox
from cogitate.sandbox.layout import WORK, packages_environment, python_argv
from cogitate.sandbox.program import Limits, Outcome, Program, RunResult, Sandbox

__all__ = [
    "NAMES",
    "WORK",
    "AttackResult",
    "Limits",
    "Outcome",
    "Program",
    "RunResult",
    "Sandbox",
    "get_sandbox",
    "packages_environment",
    "python_argv",
    "self_test",
]
