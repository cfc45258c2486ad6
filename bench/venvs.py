"""Throw-away virtual environments for the peers, outside the tree; created on first use.

They live in ``$COGITATE_BENCH_VENVS``, by default ``~/.cache/cogitate/bench-venvs/<name>``, and
are rebuilt when their pinned requirements (``bench/peers/<name>.txt``) change. Delete the folder
to be rid of them.

    python bench/venvs.py            create or update all of them
    python bench/venvs.py trl        one of them
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path

from cogitate.errors import EngineError

PEERS = Path(__file__).parent / "peers"
NAMES = tuple(sorted(path.stem for path in PEERS.glob("*.txt")))
_TORCH_INDEX = ("download.pytorch.org", "https://download.pytorch.org/whl/cpu")


def home() -> Path:
    """Where the environments are."""
    default = Path.home() / ".cache" / "cogitate" / "bench-venvs"
    return Path(os.environ.get("COGITATE_BENCH_VENVS", default))


def ensure(name: str) -> Path:
    """The interpreter of environment ``name``, installed and up to date.

    Raises:
        EngineError: pip failed; the message holds the end of its output.
    """
    directory = home() / name
    requirements = PEERS / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = directory / "requirements.sha256"
    python = directory / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text() == digest:
        return python
    print(f"installing the peers of {requirements.name} into {directory}", file=sys.stderr)
    start = time.monotonic()
    if directory.exists():
        shutil.rmtree(directory)
    venv.create(directory, with_pip=True)
    _pip(python, "install", *_extra_index(), "-r", str(requirements))
    if unwanted := _to_remove(requirements):
        _pip(python, "uninstall", "-y", *unwanted)
    stamp.write_text(digest)
    print(f"installed in {time.monotonic() - start:.0f} s", file=sys.stderr)
    return python


def _to_remove(requirements: Path) -> list[str]:
    """Packages on the ``# remove:`` line."""
    lines = requirements.read_text().splitlines()
    return [word for line in lines if line.startswith("# remove:") for word in line.split()[2:]]


def _extra_index() -> list[str]:
    """PyTorch's own index for the CPU builds, if it can be reached; a mirror may hold them too."""
    host, url = _TORCH_INDEX
    with contextlib.suppress(OSError), socket.create_connection((host, 443), timeout=3.0):
        return ["--extra-index-url", url]
    return []


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", arguments[0], "-q", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-10:])
        raise EngineError(f"{' '.join(command)} failed:\n{tail}")


def main() -> None:
    parser = argparse.ArgumentParser(description="the peers' virtual environments")
    parser.add_argument("names", nargs="*", default=list(NAMES), metavar="NAME", help=str(NAMES))
    for name in parser.parse_args().names:
        print(f"{name}: {ensure(name)}")


if __name__ == "__main__":
    main()
