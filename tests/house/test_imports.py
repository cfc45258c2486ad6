"""Which module may import which, and what an import costs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


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


def test_every_module_imports_on_its_own() -> None:
    # An import cycle shows only in the module that is imported first.
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "src").rglob("*.py"))
        if path.stem != "__main__"
    ]
    program = (
        "import sys, importlib\n"
        "import torch\n"
        "for name in sys.argv[1:]:\n"
        "    for loaded in [m for m in sys.modules if m.partition('.')[0] == 'cogitate']:\n"
        "        del sys.modules[loaded]\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ImportError as error:\n"
        "        if 'cogitate' in str(error):\n"
        "            print(name, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *modules], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
