"""A second look of the file system, in which others can enter directories that only root can.

Root often keeps its Python below /root, which nobody else may enter, while programs run as users of
their own. So the directories they need are mounted over, in a mount namespace that only they see:
/root is an empty directory there, with the interpreter in its place.
"""

import ctypes
import json
import os
import subprocess
import sys
import threading

_CLONE_NEWNS = 0x00020000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18

_views: dict[tuple[str, ...], int | OSError] = {}
_lock = threading.Lock()


def view_with(paths: tuple[str, ...]) -> int:
    """A descriptor of a mount namespace in which everybody can reach the paths. Root only.

    It is made once for the same paths and lives as long as this process.

    Raises:
        OSError: this root may not mount, as in most containers.
    """
    with _lock:
        if paths not in _views:
            try:
                _views[paths] = _make(paths)
            except OSError as error:
                _views[paths] = error  # it will not be allowed the next time either
        found = _views[paths]
    if isinstance(found, OSError):
        raise OSError(str(found))
    return found


def _make(paths: tuple[str, ...]) -> int:
    argv = [sys.executable, "-I", "-S", os.path.realpath(__file__), json.dumps(paths)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as helper:
        assert helper.stdout is not None and helper.stderr is not None
        if helper.stdout.readline() != b"ready\n":
            last = helper.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise OSError(f"no mount namespace of its own: {last}")
        return os.open(f"/proc/{helper.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


# --- what follows runs in a process of its own, without the package -------------------------------


def closed_ancestor(path: str) -> str | None:
    """The outermost directory above a path that others may not enter."""
    parts = path.split("/")
    for length in range(2, len(parts)):
        directory = "/".join(parts[:length])
        if not os.stat(directory).st_mode & 0o001:
            return directory
    return None


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    encoded = (text.encode() if text is not None else None for text in (source, target, kind))
    if libc.mount(*encoded, ctypes.c_ulong(flags), data.encode() if data else None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def build(paths: list[str]) -> None:
    """Mount over what is closed, in a new mount namespace of this process."""
    closed = {path: closed_ancestor(path) for path in paths}
    covers = sorted({directory for directory in closed.values() if directory is not None})
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare of mounts")
    os.umask(0o022)
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    sources = {path: os.open(path, os.O_PATH) for path in paths}
    for directory in covers:
        _mount("tmpfs", directory, "tmpfs", 0, "mode=0755,size=1m")
    for path, descriptor in sources.items():
        if closed[path] is None:
            continue
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            os.makedirs(path, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb"):
                pass
        _mount(f"/proc/self/fd/{descriptor}", path, None, _MS_BIND | _MS_REC)
    for directory in covers:
        _mount("none", directory, None, _MS_REMOUNT | _MS_RDONLY, "mode=0755,size=1m")


if __name__ == "__main__":
    build(json.loads(sys.argv[1]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
