"""Programs against tests: competition programs and functions, in a sandbox, without trust.

Expected values never enter the sandbox. What a program wrote or a function returned leaves it as
text and is compared in this process, or in a second sandbox that holds the tests and no code of
the submission.
"""

from cogitate.verifiers.programs.gold import check_code_gold
from cogitate.verifiers.programs.running import DEFAULT_LIMITS
from cogitate.verifiers.programs.verify import verify_code

__all__ = ["DEFAULT_LIMITS", "check_code_gold", "verify_code"]
