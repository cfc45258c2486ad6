"""A worker whose operations are known: for tests of the driver's half of the protocol."""

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "bench" / "peers"))

from protocol import measured, serve  # pyright: ignore[reportMissingImports]

children: list[subprocess.Popen[bytes]] = []


def echo(**arguments):
    print("a library that prints to stdout")
    return arguments


def fail():
    raise RuntimeError("as asked")


def work(seconds: float, tokens: int):
    with measured() as timing:
        time.sleep(seconds)
    return {**timing.result, "tokens": tokens}


def burn(seconds: float):
    end = time.process_time() + seconds
    with measured() as timing:
        while time.process_time() < end:
            pass
    return timing.result


def allocate(megabytes: int):
    with measured() as timing:
        block = bytearray(megabytes * 1_000_000)
        block[::4096] = b"x" * len(block[::4096])
    return timing.result


def spawn():
    script = "import time\nwhile True: time.sleep(0.01)"
    children.append(subprocess.Popen([sys.executable, "-c", script]))
    return {"pid": children[-1].pid}


def leave(code: int):
    print("last words", file=sys.stderr, flush=True)
    raise SystemExit(code)


if __name__ == "__main__":
    serve(
        {
            "echo": echo,
            "fail": fail,
            "work": work,
            "burn": burn,
            "allocate": allocate,
            "spawn": spawn,
            "leave": leave,
        }
    )
