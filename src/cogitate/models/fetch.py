"""From the name of a model to a directory that holds it: presets, local directories, the hub."""

import difflib
import re
from pathlib import Path

from cogitate.errors import DataError, MissingExtra
from cogitate.models.presets import PRESETS, Progress, cache_directory, prepare_preset

__all__ = ["PRESETS", "Progress", "cache_directory", "resolve_model"]

_HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)
# Data only. Code (*.py) and pickles (*.bin, *.pt) are never fetched, so cannot be run.
_HUB_ALLOWED = ["*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "README.md"]
_HUB_IGNORED = ["*/*"]


def resolve_model(
    source: str | Path, *, offline: bool = False, progress: Progress | None = None
) -> Path:
    """The Hugging Face directory of a model, fetched and converted first where needed.

    ``source`` is tried as a preset (`PRESETS`), a local directory, and a hub id ``org/name`` or
    ``org/name@revision``. ``progress`` receives one line of text per stage. With ``offline``
    nothing is fetched, but what the cache holds is found.

    Raises:
        DataError: there is no such model, it cannot be fetched, or its checksum is wrong.
    """
    report = progress or (lambda line: None)
    name = str(source)
    if name in PRESETS:
        return prepare_preset(PRESETS[name], offline=offline, report=report)
    path = _existing_path(name)
    if path is not None:
        return _check_local(path)
    hub_id = _HUB_ID.fullmatch(name)
    if hub_id is None or name.startswith((".", "~")):
        close = difflib.get_close_matches(name, PRESETS, n=1)
        raise DataError(
            f'model "{name}": not a preset ({", ".join(sorted(PRESETS))}), not a directory that '
            f"exists, not a hub id like org/name. "
            + (f'Did you mean "{close[0]}"?' if close else "Check the spelling and the directory.")
        )
    return _from_hub(hub_id["id"], hub_id["revision"], offline=offline, report=report)


def _existing_path(name: str) -> Path | None:
    try:
        path = Path(name).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL character, no home directory
        return None


def _check_local(path: Path) -> Path:
    if not path.is_dir():
        raise DataError(
            f"model {path}: a file, expected a directory with config.json and *.safetensors."
        )
    if not (path / "config.json").is_file():
        found = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "nothing"
        raise DataError(
            f"model {path}: no config.json in it (found: {found}). Point to the directory that "
            f"holds config.json, model.safetensors and tokenizer.json."
        )
    return path.absolute()


def _from_hub(name: str, revision: str | None, *, offline: bool, report: Progress) -> Path:
    try:
        import huggingface_hub
        from huggingface_hub import errors as hub_errors
    except ImportError as error:
        raise MissingExtra(
            f'model "{name}": fetching from the hub needs huggingface_hub. '
            f"pip install 'cogitate[hub]'"
        ) from error
    # The HTTP client's own base class; which client it is depends on the version of the hub.
    http_error = hub_errors.HTTPError  # pyright: ignore[reportPrivateImportUsage]
    report(f"looking for {name} " + ("in the local hub cache" if offline else "on the hub"))
    try:
        path = huggingface_hub.snapshot_download(
            name,
            revision=revision,
            allow_patterns=_HUB_ALLOWED,
            ignore_patterns=_HUB_IGNORED,
            local_files_only=offline,
        )
    except hub_errors.GatedRepoError as error:
        raise DataError(
            f'model "{name}": its owner must grant access. Ask on https://huggingface.co/{name}, '
            f'then run "hf auth login".'
        ) from error
    except (hub_errors.RepositoryNotFoundError, hub_errors.RevisionNotFoundError) as error:
        raise DataError(
            f'model "{name}" (revision {revision or "main"}): the hub has none, or it is private. '
            f"Presets that need no hub: {', '.join(sorted(PRESETS))}."
        ) from error
    except (http_error, hub_errors.HFValidationError, OSError) as error:
        how = "is not in the local hub cache" if offline else "could not be fetched from the hub"
        reason = str(error).strip().splitlines()[0].rstrip(". ")
        raise DataError(
            f'model "{name}" {how} ({reason}). Go online, name a local directory, or use a preset '
            f"that needs no hub: {', '.join(sorted(PRESETS))}."
        ) from error
    return _check_local(Path(path))
