"""Which module may import which, and what an import costs."""

import ast
import subprocess
import sys
from collections.abc import Container, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_contracts() -> None:
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_is_instant() -> None:
    out = python(
        "import sys, time; start = time.perf_counter(); import cogitate;"
        "heavy = {'torch', 'numpy', 'pydantic', 'rich'} & sys.modules.keys();"
        "print(f'{time.perf_counter() - start:.3f}', sorted(heavy))"
    )
    seconds, heavy = out.split(" ", 1)
    print(f"import cogitate: {seconds} s")
    assert heavy == "[]"
    assert float(seconds) < 3.0  # 0.3 s is the aim; the machine may be busy


def test_help_does_not_import_torch() -> None:
    out = python(
        "import sys\n"
        "from cogitate.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('torch' in sys.modules)"
    )
    assert out.splitlines()[-1] == "False"


def imported_at_once(path: Path, known: Container[str]) -> Iterator[str]:
    """Modules of ours that are imported when this one is, not inside functions."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else node.module


def test_every_module_can_be_imported_first() -> None:
    # An import cycle shows only in the module that happens to be imported first.
    paths = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
    }
    graph = {
        name: set(imported_at_once(path, paths)) & paths.keys() for name, path in paths.items()
    }
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError with the cycle
    assert order.index("cogitate.schema") < order.index("cogitate.train.losses")
    assert len(order) == len(paths)
