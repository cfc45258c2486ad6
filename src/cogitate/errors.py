"""The exceptions a user can meet. All are picklable and carry one readable message.

CogitateError
 +- ConfigError(ValueError)        a config file, an override or a combination of settings
 +- DataError(ValueError)          a data set, a model directory, a tokenizer, a gold answer
 +- RewardError(RuntimeError)      a problem that cannot be verified at all
 +- EngineError(RuntimeError)      rollouts could not be produced
 +- CheckpointError(RuntimeError)  no checkpoint verifies, or the run directory is in use
 +- SandboxError(RuntimeError)     no way to run untrusted programs safely on this machine
 +- MissingExtra(ImportError)      an optional dependency; the message names the extra to install

A message has four parts: what was attempted, what was seen, what was expected, what to do.
"""


class CogitateError(Exception):
    """Base of all errors that cogitate raises on purpose."""


class ConfigError(CogitateError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class DataError(CogitateError, ValueError):
    """A data set, model directory, tokenizer or gold answer cannot be used."""


class RewardError(CogitateError, RuntimeError):
    """A problem itself cannot be verified (bad gold), as opposed to a wrong answer."""


class EngineError(CogitateError, RuntimeError):
    """The rollout engine could not produce completions."""


class CheckpointError(CogitateError, RuntimeError):
    """A checkpoint does not verify, or the run directory is used by someone else."""


class SandboxError(CogitateError, RuntimeError):
    """Untrusted programs cannot be run safely here; the message says what to install or allow."""


class MissingExtra(CogitateError, ImportError):
    """An optional dependency is not installed."""
