"""cogitate: reasoning by reinforcement learning, from DeepSeek-R1's method to a laptop.

The public names below are imported on first use, so that ``import cogitate`` is instant and does
not load torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# OpenMP threads that wait by spinning make a run 10 to 20 times slower as soon as anything else
# wants a core, which on a laptop is always. A short spin, then sleep; it must be set before torch
# is imported. Your own setting wins. Measured in docs/log.md.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

if TYPE_CHECKING:
    from cogitate.config import RunConfig, load_config
    from cogitate.doctor import diagnose
    from cogitate.errors import CogitateError
    from cogitate.plan import plan_run
    from cogitate.runner import run

_LAZY = {
    "CogitateError": "cogitate.errors",
    "RunConfig": "cogitate.config",
    "diagnose": "cogitate.doctor",
    "load_config": "cogitate.config",
    "plan_run": "cogitate.plan",
    "run": "cogitate.runner",
}

__all__ = [
    "CogitateError",
    "RunConfig",
    "__version__",
    "diagnose",
    "load_config",
    "plan_run",
    "run",
]

# A constant: asking importlib.metadata costs 50 ms. A test compares it with pyproject.toml.
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cogitate' has no attribute {name!r}. Known: {__all__}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
