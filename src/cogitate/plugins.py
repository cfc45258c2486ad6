"""Functions that users bring in a file of their own: ``path/to/file.py:function``."""

import difflib
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from cogitate.errors import ConfigError


def load_function(reference: str, *, setting: str) -> Callable[..., Any]:
    """The function of ``reference``; ``setting`` is the key to name in errors.

    A file is run once in a process, under a name made from its path, so that two files called
    task.py do not replace each other.

    Raises:
        ConfigError: there is no such file or function, or the file cannot be imported.
    """
    file, _, name = reference.rpartition(":")
    if not file or not name:
        raise ConfigError(f'{setting} = "{reference}": expected path/to/file.py:function.')
    module = _load_module(Path(file), setting)
    function = getattr(module, name, None)
    if callable(function):
        return function
    known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    raise ConfigError(
        f'{setting}: {file} has no function "{name}". '
        f"It has: {', '.join(known) or 'no functions'}.{hint}"
    )


def _load_module(file: Path, setting: str) -> ModuleType:
    path = file.expanduser().resolve()
    if not path.is_file():
        raise ConfigError(
            f"{setting}: there is no file {path}. Relative paths start at the working "
            f"directory, {Path.cwd()}."
        )
    name = f"cogitate_custom_{hashlib.blake2b(str(path).encode(), digest_size=8).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{setting}: {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before running it: dataclasses look it up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the boundary to code that is not ours
        del sys.modules[name]
        raise ConfigError(
            f"{setting}: {path} cannot be imported: it raised {type(error).__name__}: {error}. "
            "Run it by itself (python FILE) to see where."
        ) from error
    return module
