"""What a run reads from the user's disk, so that a resumed run notices when it has changed."""

import hashlib
from pathlib import Path

from cogitate.config import RunConfig
from cogitate.tasks.config import CustomConfig, DatasetConfig

EDGE = 1 << 20
"""Bytes hashed at each end of a weight file; hashing all of a large model would take minutes."""


def fingerprints(config: RunConfig) -> dict[str, str]:
    """A short hash of every local file or directory that ``config`` names, by its setting.

    Data files and users' code are hashed whole; of weights, the size and both ends of every file.
    What is not on the disk (presets, hub ids) is left out: it cannot change under a run.
    """
    named: dict[str, str] = {"model.source": config.model.source}
    for index, task in enumerate(config.tasks):
        if isinstance(task, DatasetConfig):
            named[f"tasks.{index}.path"] = task.path
            named[f"tasks.{index}.held_out_path"] = task.held_out_path or ""
        elif isinstance(task, CustomConfig):
            named[f"tasks.{index}.factory"] = task.factory.rpartition(":")[0]
    for index, custom in enumerate(config.reward.custom):
        named[f"reward.custom.{index}.path"] = custom.path.rpartition(":")[0]
    for index, model in enumerate(config.reward.model):
        named[f"reward.model.{index}.path"] = model.path
    for index, judge in enumerate(config.reward.judge):
        named[f"reward.judge.{index}.model"] = "" if judge.endpoint else judge.model
    if config.algorithm == "sft":
        named["sft.source"] = config.sft.source
    found = {setting: Path(path).expanduser() for setting, path in named.items() if path}
    return {setting: _hash(path) for setting, path in found.items() if path.exists()}


def _hash(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(f"{file.relative_to(path) if path.is_dir() else ''}\0".encode())
        with file.open("rb") as stream:
            if file.suffix in (".safetensors", ".gguf"):
                size = file.stat().st_size
                digest.update(f"{size}\0".encode() + stream.read(EDGE))
                stream.seek(max(0, size - EDGE))
            while block := stream.read(EDGE):
                digest.update(block)
    return digest.hexdigest()
