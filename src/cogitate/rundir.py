"""One directory per run: where each file is, who may write, and what it was made with."""

import contextlib
import fcntl
import importlib.metadata
import json
import logging
import os
import platform
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cogitate.checkpoint import remove_leftovers
from cogitate.errors import CheckpointError
from cogitate.filesystem import to_json_bytes, write_atomic

PACKAGES = (
    "cogitate", "torch", "numpy", "safetensors", "tokenizers", "transformers", "jinja2", "pydantic",
)  # fmt: skip
_RESULTS = ("metrics.jsonl", "evals.jsonl", "rollouts", "checkpoints", "final")


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that writes a run directory.

    A process id alone is not an identity: it is used again. With the start time (in clock ticks
    since boot) and the boot's own id it is one.
    """

    pid: int
    host: str
    boot: str
    started: int
    since: str

    @classmethod
    def of_this_process(cls) -> "Owner":
        """This process, now."""
        return cls(
            pid=os.getpid(),
            host=socket.gethostname(),
            boot=_boot_id(),
            started=_start_ticks(os.getpid()),
            since=datetime.now().astimezone().isoformat(timespec="seconds"),
        )

    def is_dead(self) -> bool:
        """Whether the process has surely ended. One on another host is presumed alive."""
        if self.host != socket.gethostname():
            return False
        if self.boot != _boot_id() or not _is_running(self.pid):
            return True
        return self.started != _start_ticks(self.pid)


class RunDir:
    """The files of one run. Made by ``open_run_dir``; close it to let the next writer in."""

    def __init__(self, path: Path, notices: list[str], owner: Owner) -> None:
        self.path = path
        self.notices = notices
        self.config = path / "config.toml"
        self.environment = path / "environment.json"
        self.metrics = path / "metrics.jsonl"
        self.timing = path / "timing.jsonl"
        self.evals = path / "evals.jsonl"
        self.rollouts = path / "rollouts"
        self.checkpoints = path / "checkpoints"
        self.final = path / "final"
        self.lock = path / "run.lock"
        self._owner = owner
        self._log_handler: logging.Handler | None = None

    def __enter__(self) -> "RunDir":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def rollout_file(self, step: int, *, evaluation: bool = False) -> Path:
        """Where the rollouts of a training step, or of an evaluation, are kept."""
        return self.rollouts / f"{'eval-' if evaluation else ''}{step:06d}.jsonl"

    def describe(self, config_toml: str, environment: Mapping[str, Any]) -> None:
        """Write ``config.toml`` and ``environment.json``.

        A later attempt keeps what earlier ones recorded, under ``earlier_attempts``.
        """
        earlier: list[Any] = []
        if self.environment.exists():
            with contextlib.suppress(ValueError, AttributeError):
                before = json.loads(self.environment.read_bytes())
                earlier = [*before.pop("earlier_attempts", []), before]
                self.notices += environment_changes(before, environment)
        write_atomic(self.config, config_toml.encode())
        attempts = {**environment, "earlier_attempts": earlier}
        write_atomic(self.environment, to_json_bytes(attempts))

    def start_log(self) -> None:
        """Copy what the package logs into ``train.log`` until ``close``."""
        handler = logging.FileHandler(self.path / "train.log", encoding="utf-8", errors="replace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("cogitate")
        logger.addHandler(handler)
        if logger.getEffectiveLevel() > logging.INFO:
            logger.setLevel(logging.INFO)
        self._log_handler = handler

    def close(self) -> None:
        """Give the directory back; a second call does nothing."""
        if self._log_handler is not None:
            logging.getLogger("cogitate").removeHandler(self._log_handler)
            self._log_handler.close()
            self._log_handler = None
        if _read_owner(self.lock) == self._owner:
            self.lock.unlink()


def open_run_dir(path: Path, *, resume: bool = False) -> RunDir:
    """Create or open a run directory and become its only writer.

    A lock whose process has ended is taken over, with a notice. Leftovers of interrupted saves are
    deleted. With ``resume``, a directory without results is simply started.

    Raises:
        CheckpointError: another process writes it, or it holds results and ``resume`` is False.
    """
    try:
        (path / "rollouts").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"the run directory {path} cannot be created: {error.strerror}. "
            "Set output_dir to a place where you may write."
        ) from error
    owner = Owner.of_this_process()
    run_dir = RunDir(path, _acquire(path, owner), owner)
    try:
        if not resume:
            _refuse_used(path)
        _remove_leftovers(run_dir)
    except BaseException:
        run_dir.close()
        raise
    return run_dir


def _refuse_used(path: Path) -> None:
    holds = [name for name in _RESULTS if _has_content(path / name)]
    if holds:
        raise CheckpointError(
            f"{path} already holds results of a run ({', '.join(holds)}). Add --resume to continue "
            f"it, choose another name (--set name=...), or delete it first: rm -r {path}"
        )


def _has_content(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists() and path.stat().st_size > 0


def _remove_leftovers(run_dir: RunDir) -> None:
    remove_leftovers(run_dir.checkpoints)
    for path in run_dir.path.glob(".final.tmp-*"):
        if not path.name.endswith("-old"):  # that one may be the only whole model: it is kept
            shutil.rmtree(path)
    for path in run_dir.path.glob("*.tmp"):
        path.unlink()


# -------------------------------------------------------------------------------------- lock


def _acquire(path: Path, owner: Owner) -> list[str]:
    """Write the lock file; return notices. Exactly one of several contenders wins.

    Across hosts, creating the file is atomic by itself (a hard link to a complete file). On one
    host, the kernel's lock on the directory makes "read a dead lock, replace it" one action.
    """
    with _exclusive(path):
        lock = path / "run.lock"
        notices = []
        if lock.exists():
            notices = _take_over(lock)
        draft = path / f"run.lock.{uuid.uuid4().hex[:8]}"
        draft.write_text(json.dumps(asdict(owner)))
        try:
            os.link(draft, lock)
        except FileExistsError:
            raise CheckpointError(_in_use(lock, _read_owner(lock))) from None
        finally:
            draft.unlink()
        return notices


def _take_over(lock: Path) -> list[str]:
    holder = _read_owner(lock)
    if holder is not None and not holder.is_dead():
        raise CheckpointError(_in_use(lock, holder))
    lock.unlink()
    if holder is None:
        return ["An unreadable lock file was removed: its writer was interrupted."]
    return [
        f"The run directory was locked by process {holder.pid} since {holder.since}, which has "
        "ended without closing it; this process takes over."
    ]


def _in_use(lock: Path, holder: Owner | None) -> str:
    who = "another process"
    if holder is not None:
        who = f"process {holder.pid} on host {holder.host} since {holder.since}"
    return (
        f"{lock.parent} is being written by {who}. Wait for it, stop it, or choose another name "
        f"(--set name=...). If that process is certainly gone, delete {lock} and try again."
    )


def _read_owner(lock: Path) -> Owner | None:
    try:
        return Owner(**json.loads(lock.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Some network file systems know no such lock; there the hard link alone decides.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 where the system does not say."""
    try:
        # The name in parentheses may itself hold spaces and parentheses: split after the last one.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# ------------------------------------------------------------------------------- environment


def describe_environment(seed: int) -> dict[str, Any]:
    """Where this run happens: versions, processor, threads, source revision, seed."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "host": socket.gethostname(),
        "git": _git_revision(),
        "seed": seed,
        "command": sys.argv,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def environment_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Sentences about differences that can change the last bits of a resumed run."""
    names = ("python", "cpu", "threads", "gpus")
    old = {**{name: before.get(name) for name in names}, **before.get("packages", {})}
    new = {**{name: after.get(name) for name in names}, **after.get("packages", {})}
    return [
        f"{name} was {old[name]} in the earlier attempt and is {new[name]} here: the run goes on, "
        "but its numbers may differ in the last bits from an uninterrupted run."
        for name in new
        if name in old and old[name] != new[name]
    ]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git_revision() -> dict[str, Any] | None:
    """Commit and whether files differ from it, of the directory the run was started in."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "changed_files": len(_git("status", "--porcelain").splitlines())}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
