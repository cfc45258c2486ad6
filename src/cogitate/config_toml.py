"""TOML text in both directions: reading with the line of every key, overrides, and writing.

The standard library reads TOML but does not write it; the writer here covers what a resolved
configuration contains (tables, arrays of tables, scalars, arrays of scalars) and nothing else.
"""

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from cogitate.errors import ConfigError

Key = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\s\"']+?)\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z0-9_.\-\"']+)\s*=")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")


def dotted(key: Key) -> str:
    """``("tasks", 0, "digits")`` as ``tasks.0.digits``."""
    return ".".join(str(part) for part in key)


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """The parsed table and the text of one TOML file.

    Raises:
        ConfigError: the file is missing (close names are suggested) or is not valid TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(_missing_file(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a text file ({error}).") from None
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}. Correct that line.") from None


def _missing_file(path: Path) -> str:
    import difflib

    folder = path.parent if path.parent.is_dir() else Path()
    known = sorted(str(found) for found in folder.glob("*.toml"))
    if not known:
        known = sorted(str(found) for found in Path("configs").glob("*.toml"))
    close = difflib.get_close_matches(str(path), known, n=1, cutoff=0.4)
    hint = f' Did you mean "{close[0]}"?' if close else " Give the path of a TOML file."
    listing = f" Found: {', '.join(known)}." if known else ""
    return f"{path}: no such configuration file.{listing}{hint}"


def key_lines(text: str) -> dict[Key, int]:
    """The line number (from 1) of every table header and ``key = value`` line of a TOML text.

    A best effort for messages: keys inside inline tables and multi-line strings are not found.

    >>> key_lines("seed = 1\\n[grpo]\\nsteps = 3\\n")[("grpo", "steps")]
    3
    """
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    section: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _section_key(_split(header[2]), header[1] == "[[", counts)
            lines.setdefault(section, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*section, *_split(assignment[1])), number)
    return lines


def _section_key(parts: Sequence[str], is_array: bool, counts: dict[Key, int]) -> Key:
    """Insert the array index after every part that names an array of tables."""
    key: Key = ()
    for depth, part in enumerate(parts):
        key = (*key, part)
        if is_array and depth == len(parts) - 1:
            counts[key] = counts.get(key, -1) + 1
        if key in counts:
            key = (*key, counts[key])
    return key


def _split(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))


def parse_override(text: str) -> tuple[Key, Any]:
    """One ``a.b=c`` of the command line as key and value.

    The value has TOML syntax; what TOML cannot read is taken as a string, so quotes are optional.

    >>> parse_override("grpo.group_size=8"), parse_override("template.name=qa")
    ((('grpo', 'group_size'), 8), (('template', 'name'), 'qa'))
    """
    name, separator, value = text.partition("=")
    parts = [part.strip() for part in name.strip().split(".")]
    if not separator or not all(parts):
        raise ConfigError(
            f'--set {text}: expected key=value, for example "--set grpo.group_size=8".'
        )
    return tuple(int(part) if part.isdigit() else part for part in parts), _value(value.strip())


def _value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if set(table) == {"value"} else text


def apply_override(table: dict[str, Any], key: Key, value: Any) -> None:
    """Set one value in place; missing tables are created, list elements must exist.

    Raises:
        ConfigError: an index is past the end, or the path goes through a value.
    """
    target: Any = table
    for depth, part in enumerate(key[:-1]):
        target = _descend(target, part, key, depth)
    last = key[-1]
    if isinstance(target, list):
        _check_index(target, last, key, len(key) - 1)
        target[last] = value  # type: ignore[index]
    elif isinstance(target, dict):
        target[str(last)] = value
    else:
        raise ConfigError(_no_table(key, len(key) - 1, target))


def _descend(target: Any, part: str | int, key: Key, depth: int) -> Any:
    if isinstance(target, list):
        _check_index(target, part, key, depth)
        return target[int(part)]
    if isinstance(target, dict):
        return target.setdefault(str(part), {})
    raise ConfigError(_no_table(key, depth, target))


def _check_index(target: list[Any], part: str | int, key: Key, depth: int) -> None:
    if isinstance(part, int) and part < len(target):
        return
    where = dotted(key[:depth])
    raise ConfigError(
        f"--set {dotted(key)}: [{where}] has {len(target)} entries, numbered from 0; "
        f'"{part}" is not one of them. Write {where}.0 for the first.'
    )


def _no_table(key: Key, depth: int, value: Any) -> str:
    return (
        f"--set {dotted(key)}: {dotted(key[:depth])} is the value {value!r}, not a section. "
        "Set it as a whole."
    )


def write_toml(table: Mapping[str, Any]) -> str:
    """TOML text of nested mappings. Entries that are None are left out: TOML has no null.

    >>> print(write_toml({"seed": 1, "grpo": {"steps": 3, "kl": None}}), end="")
    seed = 1
    <BLANKLINE>
    [grpo]
    steps = 3
    """
    lines: list[str] = []
    _write_table(table, (), lines)
    return "\n".join(lines).lstrip("\n") + "\n"


def _write_table(table: Mapping[str, Any], section: tuple[str, ...], lines: list[str]) -> None:
    present = {key: value for key, value in table.items() if value is not None}
    nested = {key: value for key, value in present.items() if _is_nested(value)}
    for key, value in present.items():
        if key not in nested:
            lines.append(f"{_key(key)} = {_scalar(value)}")
    for key, value in nested.items():
        name = ".".join(_key(part) for part in (*section, key))
        for entry in [value] if isinstance(value, Mapping) else value:
            lines += ["", f"[{name}]" if isinstance(value, Mapping) else f"[[{name}]]"]
            _write_table(entry, (*section, key), lines)


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    is_array = isinstance(value, list | tuple) and bool(value)
    return is_array and all(isinstance(entry, Mapping) for entry in value)


def _key(key: str) -> str:
    return key if _BARE_KEY.match(key) else _string(key)


def _scalar(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _nonfinite(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str | Path):
        return _string(str(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(_scalar(entry) for entry in value)}]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_scalar(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"cannot write a {type(value).__name__} as TOML: {value!r}")


def _nonfinite(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _string(text: str) -> str:
    """A basic string. JSON escapes are TOML escapes, except that TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
