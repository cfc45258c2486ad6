"""Checkpoints that are whole or absent: written aside, hashed, synced, then renamed into place.

    checkpoints/step-000010/
        policy/...       what the policy saves (safetensors and JSON; nothing is ever unpickled)
        config.json      the run's configuration
        state.json       step, data cursor, counters, state of the random generators
        manifest.json    size and BLAKE2b of every other file, written last

The protocol: write all of it into ``step-000010.tmp-<id>/``; fsync each file; write the manifest;
fsync it and the directories; rename; fsync the parent. A crash at any instant leaves the previous
checkpoint, the new one, or both. ``LATEST`` is a hint for people: the loader does not trust it, it
walks from the newest directory to the first whose manifest verifies.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from safetensors import SafetensorError

from cogitate.errors import CheckpointError
from cogitate.filesystem import DISK, FileSystem, crash_point, to_json_bytes, write_atomic

FORMAT = 1
MANIFEST = "manifest.json"
_STEP = re.compile(r"step-(\d{6,})")
_LEFTOVER = re.compile(r"(step-\d{6,}|LATEST)\.tmp.*")


@runtime_checkable
class Saveable(Protocol):
    """Anything with weights: the policy, a reference that is refreshed."""

    def save(self, directory: Path) -> None: ...
    def load(self, directory: Path) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A verified checkpoint. ``state`` is what the loop saved; ``config`` is plain JSON."""

    path: Path
    step: int
    policy_version: int
    config: Mapping[str, Any]
    state: Mapping[str, Any]

    def load(self, parts: Mapping[str, Saveable]) -> None:
        """Restore every part from its own directory.

        Raises:
            CheckpointError: a part was not saved in this checkpoint.
        """
        for name, part in parts.items():
            if not (self.path / name).is_dir():
                raise CheckpointError(
                    f"{self.path} holds no {name}/, which this run needs. It was saved by a run "
                    "with other settings: start a new run under another name."
                )
            part.load(self.path / name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A checkpoint that does not verify, and why."""

    path: Path
    reason: str


def step_directory(root: Path, step: int) -> Path:
    """Where the checkpoint of a step lives.

    >>> step_directory(Path("checkpoints"), 10).as_posix()
    'checkpoints/step-000010'
    """
    return root / f"step-{step:06d}"


# ------------------------------------------------------------------------------------ saving


def save_checkpoint(
    root: Path,
    *,
    step: int,
    policy_version: int,
    state: Mapping[str, Any],
    config: Mapping[str, Any],
    parts: Mapping[str, Saveable],
    keep: int,
    finite: bool = True,
    expected_bytes: int = 0,
    files: FileSystem = DISK,
) -> Path:
    """Save one checkpoint, then delete all but the ``keep`` newest; return its directory.

    Args:
        finite: whether all weights are finite; weights that are not are never saved.
        expected_bytes: size to find room for before anything is written; 0 when unknown.

    Raises:
        CheckpointError: nothing was saved (an older checkpoint stays as it was), or the new one is
            complete but the clean-up after it failed; the message says which.
    """
    if not finite:
        raise CheckpointError(
            f"checkpoint of step {step}: the weights contain NaN or infinite values, so they are "
            "not saved and the older checkpoints are kept. Lower optimizer.learning_rate, then "
            "continue from the newest checkpoint with --resume."
        )
    final = step_directory(root, step)
    temporary = final.with_name(f"{final.name}.tmp-{uuid.uuid4().hex[:8]}")
    is_whole = False
    try:
        require_space(root, expected_bytes, files=files)
        files.make_dir(temporary)
        header = {"format": FORMAT, "step": step, "policy_version": policy_version}
        _write_content(temporary, parts, config, {**header, "state": dict(state)}, files)
        _write_manifest(temporary, header, files)
        _publish(temporary, final, files)
        is_whole = True
        files.sync_dir(root)
        write_atomic(root / "LATEST", f"{final.name}\n".encode(), files=files)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            files.remove_tree(temporary)
        outcome = "it is complete, but" if is_whole else "nothing was saved:"
        raise CheckpointError(
            f"checkpoint of step {step} in {root}: {outcome} {_describe(error)}. "
            "Older checkpoints are untouched. Check the disk, then continue with --resume."
        ) from error
    _prune(root, newest=step, keep=keep, files=files)
    return final


def _write_content(
    directory: Path,
    parts: Mapping[str, Saveable],
    config: Mapping[str, Any],
    state: Mapping[str, Any],
    files: FileSystem,
) -> None:
    for name, part in parts.items():
        files.make_dir(directory / name)
        part.save(directory / name)
        crash_point("checkpoint.write")
    files.write(directory / "config.json", to_json_bytes(config))
    files.write(directory / "state.json", to_json_bytes(state))
    for path in _content(directory):
        files.sync_file(path)


def _write_manifest(directory: Path, header: Mapping[str, Any], files: FileSystem) -> None:
    crash_point("checkpoint.before_manifest")
    manifest = {**header, "files": _describe_files(directory)}
    manifest["digest"] = _digest_of(manifest)
    files.write(directory / MANIFEST, to_json_bytes(manifest))
    files.sync_file(directory / MANIFEST)
    for folder in [p for p in directory.rglob("*") if p.is_dir()]:
        files.sync_dir(folder)
    files.sync_dir(directory)
    crash_point("checkpoint.after_manifest")


def _publish(temporary: Path, final: Path, files: FileSystem) -> None:
    crash_point("checkpoint.before_rename")
    if final.exists():  # one that did not verify: the loader walked past it, and the run redid it
        files.rename(final, final.with_name(f"{final.name}.tmp-{uuid.uuid4().hex[:8]}"))
    files.rename(temporary, final)
    crash_point("checkpoint.after_rename")


def _prune(root: Path, *, newest: int, keep: int, files: FileSystem) -> None:
    """Delete what the checkpoint of step ``newest`` replaces, once that one has been read back.

    Directories of later steps are damaged ones that a resume walked past: they go too, and so do
    older ones whose manifest or sizes are wrong: they must not count among those kept.
    """
    steps = [step for step, _ in _by_age(root)]
    older = [step for step in steps if step < newest]
    kept = [step for step in older if _looks_whole(step_directory(root, step))][: max(keep - 1, 0)]
    doomed = [step for step in steps if step > newest or (step < newest and step not in kept)]
    if not doomed:
        return
    for file in step_directory(root, newest).rglob("*"):
        with suppress(OSError):  # without it the check is weaker, and still a check
            files.forget(file)
    verify(step_directory(root, newest))
    for step in doomed:
        victim = step_directory(root, step)
        # Renamed first: a crash in the middle must not leave half a checkpoint under a good name.
        buried = victim.with_name(f"{victim.name}.tmp-pruned")
        try:
            files.rename(victim, buried)
            crash_point("checkpoint.prune")
            files.remove_tree(buried)
        except OSError as error:
            raise CheckpointError(
                f"the checkpoint of step {newest} is complete, but {victim} could not be deleted: "
                f"{_describe(error)}. Delete it by hand to free its space."
            ) from error


def remove_leftovers(root: Path, *, files: FileSystem = DISK) -> list[Path]:
    """Delete what an interrupted save or clean-up left behind; return what was deleted."""
    leftovers = [p for p in _entries(root) if _LEFTOVER.fullmatch(p.name)]
    for path in leftovers:
        if path.is_dir():
            files.remove_tree(path)
        else:
            path.unlink()
    return leftovers


def require_space(root: Path, needed: int, *, files: FileSystem = DISK) -> None:
    """Refuse to start writing ``needed`` bytes below ``root`` when they cannot fit.

    Raises:
        CheckpointError: says how much is needed and how much is free.
    """
    place = next(path for path in (root, *root.absolute().parents) if path.exists())
    free = files.free_bytes(place)
    if free < needed:
        raise CheckpointError(
            f"writing a checkpoint below {root} needs {needed / 1e6:,.1f} MB, but only "
            f"{free / 1e6:,.1f} MB are free. Free some space, lower checkpoint.keep, or set "
            "output_dir to a larger disk."
        )


# ----------------------------------------------------------------------------------- loading


def find_checkpoint(root: Path) -> tuple[Checkpoint | None, list[Refusal]]:
    """The newest checkpoint that verifies, and the newer ones that do not."""
    refusals: list[Refusal] = []
    for _, path in _by_age(root):
        try:
            return read_checkpoint(path), refusals
        except CheckpointError as error:
            refusals.append(Refusal(path=path, reason=str(error)))
    return None, refusals


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint directory, verified.

    Raises:
        CheckpointError: names the file that is missing, damaged or from a newer version.
    """
    verify(path)
    saved = json.loads((path / "state.json").read_bytes())
    return Checkpoint(
        path=path,
        step=saved["step"],
        policy_version=saved["policy_version"],
        config=json.loads((path / "config.json").read_bytes()),
        state=saved["state"],
    )


def verify(path: Path) -> None:
    """Compare every file of a checkpoint with the manifest.

    Raises:
        CheckpointError: the first difference found, in words.
    """
    recorded = _verify_sizes(path)
    try:
        actual = _describe_files(path)
    except OSError as error:
        raise CheckpointError(f"{path}: {_describe(error)}.") from error
    for name, expected in recorded.items():
        if actual[name] != expected:
            raise CheckpointError(f"{path}: {name} is damaged (its checksum differs).")


def _looks_whole(path: Path) -> bool:
    try:
        _verify_sizes(path)
    except CheckpointError:
        return False
    return True


def _verify_sizes(path: Path) -> dict[str, dict[str, Any]]:
    """The files that the manifest records, after a check that costs no reading of weights."""
    recorded: dict[str, dict[str, Any]] = _read_manifest(path)["files"]
    present = {file.relative_to(path).as_posix(): file for file in _content(path)}
    for name in sorted(recorded.keys() - present.keys()):
        raise CheckpointError(f"{path}: {name} is missing.")
    for name in sorted(present.keys() - recorded.keys()):
        raise CheckpointError(f"{path}: {name} is not in the manifest.")
    for name, expected in recorded.items():
        size = present[name].stat().st_size
        if size != expected["bytes"]:
            raise CheckpointError(
                f"{path}: {name} has {size} bytes, the manifest says {expected['bytes']}."
            )
    return recorded


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        digest = manifest.pop("digest")
        is_intact = digest == _digest_of(manifest)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: {MANIFEST} is missing.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        is_intact = False
    if not is_intact:
        raise CheckpointError(f"{path}: {MANIFEST} is damaged.")
    if manifest["format"] > FORMAT:
        raise CheckpointError(
            f"{path}: written in checkpoint format {manifest['format']}, and this version of "
            f"cogitate reads up to {FORMAT}. Upgrade cogitate."
        )
    return manifest


# ----------------------------------------------------------------------------------- details


def _entries(root: Path) -> list[Path]:
    return sorted(root.iterdir()) if root.is_dir() else []


def _by_age(root: Path) -> list[tuple[int, Path]]:
    """(step, directory), newest first. By step, not by file time: clocks jump."""
    found = [(m, path) for path in _entries(root) if (m := _STEP.fullmatch(path.name))]
    return sorted(((int(m[1]), path) for m, path in found if path.is_dir()), reverse=True)


def _content(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if not p.is_dir() and p != directory / MANIFEST)


def _describe_files(directory: Path) -> dict[str, dict[str, Any]]:
    paths = _content(directory)
    with ThreadPoolExecutor(max_workers=2) as pool:  # hashing releases the interpreter lock
        digests = list(pool.map(_file_digest, paths))
    return {
        path.relative_to(directory).as_posix(): {"bytes": path.stat().st_size, "blake2b": digest}
        for path, digest in zip(paths, digests, strict=True)
    }


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _digest_of(manifest: Mapping[str, Any]) -> str:
    return hashlib.blake2b(to_json_bytes(manifest), digest_size=32).hexdigest()


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
