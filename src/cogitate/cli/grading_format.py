"""What a file that is no JSON lines seems to be."""

import gzip
import zlib
from pathlib import Path

EXPECTED = (
    "Expected JSON lines: one object a line, such as "
    '{"task_kind": "math", "ground_truth": "4", "completion": "\\\\boxed{4}"}'
)
_HEAD_BYTES = 4096


def apparent_format(path: Path) -> str | None:
    """The format of a file as its beginning shows it; None where it may be JSON lines."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return None
    if head.startswith(b"\x1f\x8b"):
        return "compressed; its name must then end with .gz"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head[:64]:
        return "UTF-16 text; JSON lines are UTF-8"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    first = text.split(b"\n", 1)[0].strip()
    if text.startswith(b"["):
        return "a JSON array; write each of its objects on a line of its own"
    if first == b"{":
        return "JSON over several lines; write each object on one line"
    if not text.startswith(b"{") and (b"," in first or b"\t" in first):
        return "CSV"
    return None


def no_rows(path: Path, rows: int) -> str:
    """What to say about a file of which no row can be verified."""
    found = "there are no rows" if not rows else f"none of its {rows} rows can be verified"
    seems = apparent_format(path)
    return f"{path}: {found}. {f'It seems to be {seems}. ' if seems else ''}{EXPECTED}."
