"""Runs a submission that reads stdin and writes stdout, as Python runs a program.

Only what ``-S`` takes away is put back: ``exit`` and ``quit``.
"""

import builtins
import posix
import sys
from _frozen_importlib_external import SourceFileLoader

NOT_A_PROGRAM = 121  # exit code; says nothing that the submission could gain by


def main() -> None:
    """Run main.py as ``__main__``, in whose namespace nothing of this file is left."""
    builtins.exit = builtins.quit = sys.exit  # type: ignore[attr-defined]
    sys.path += [f"{posix.getcwd()}/{folder}" for folder in sys.argv[1:]]
    sys.argv[:] = ["main.py"]
    module, loader = sys.modules["__main__"], SourceFileLoader("__main__", "main.py")
    try:
        loader.get_code("__main__")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(NOT_A_PROGRAM)
    for name in [name for name in module.__dict__ if not name.startswith("__")]:
        delattr(module, name)
    module.__file__ = "main.py"
    module.__doc__ = None
    loader.exec_module(module)


if __name__ == "__main__":
    main()
