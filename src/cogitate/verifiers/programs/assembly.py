"""The programs that go into the sandbox, put together from the sources in inside/.

Every program there is one file, because finding modules costs more than reading one: the values
module first, then the program, without the imports that tie them together in this package.
"""

import re
from functools import cache
from importlib.resources import files

from cogitate.sandbox import python_argv
from cogitate.sandbox.program import Limits, Program
from cogitate.verifiers.programs.packages import FOLDER

_OWN_IMPORT = re.compile(r"^from cogitate\.[\w.]+ import (?:\([^)]*\)|[^\n]*)\n", re.MULTILINE)
# No bytecode files, UTF-8 whatever the locale, and long integers print as in contests.
_FLAGS = ("-B", "-X", "utf8", "-X", "int_max_str_digits=0")
DRIVER = "driver.py"


@cache
def driver(name: str) -> bytes:
    """The source of inside/NAME.py with what it needs of inside/values.py."""
    folder = files("cogitate.verifiers.programs.inside")
    source = folder.joinpath(f"{name}.py").read_text(encoding="utf-8")
    if _OWN_IMPORT.search(source):
        values = folder.joinpath("values.py").read_text(encoding="utf-8")
        source = values + _OWN_IMPORT.sub("", source)
    return source.encode()


def python_program(name: str, files: dict[str, bytes], *, stdin: bytes, limits: Limits) -> Program:
    """A program of inside/ with its files, to be run by the interpreter of the sandbox.

    Files in the folder of packages can be imported.
    """
    supplied = any(path.startswith(f"{FOLDER}/") for path in files)
    return Program(
        argv=(*python_argv(), *_FLAGS, DRIVER, *([FOLDER] if supplied else [])),
        stdin=stdin,
        files={DRIVER: driver(name), **files},
        limits=limits,
    )
