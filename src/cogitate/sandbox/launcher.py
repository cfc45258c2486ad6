"""Start one program under Landlock and seccomp, and let nothing of it survive.

Runs as a process of its own, by its path, without the package: `python -I -S launcher.py FD`, where
FD holds the job (``landlock.py`` writes it). Three processes come of it:

    guard    is what the parent started. When it dies, for whatever reason, the keeper kills all.
    keeper   inherits every orphan of the program; kills them when the program ends; reports.
    program  confined, then replaced by the program.

The keeper is in a Landlock domain that may signal nothing outside, and the program in one below it:
so the keeper's ``kill(-1)`` reaches everything the program started, at once, and nothing else.
"""

# Every program waits for these imports. Those of json, typing, signal and contextlib took longer
# than all the rest together.
import _signal as signal  # pyright: ignore[reportMissingImports]
import ctypes
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn
if TYPE_CHECKING or __package__:
    from cogitate.sandbox.removal import remove_tree, suppress
else:  # run by its path
    sys.path.append(os.path.dirname(__file__))
    from removal import remove_tree, suppress

Job = dict[str, list[str]]
"""Texts by name; numbers are texts too."""

PID_PLACEHOLDER = 0x7A5A5A5A
"""Stands in the filter for the process number of the program, which nobody knows before it runs."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 22, 38, 36
_PR_CAPBSET_DROP, _SECCOMP_MODE_FILTER = 24, 2
_CLONE_NEWNS = 0x00020000

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
_MAKE_DEVICES_AND_SOCKETS = 1 << 6 | 1 << 9 | 1 << 11
_MOVE = 1 << 13
_IOCTL_DEVICE = 1 << 15
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | _IOCTL_DEVICE
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many bits the kernel knows
_SCOPE_SIGNALS, _SCOPE_ALL = 2, 3

_libc = ctypes.CDLL(None, use_errno=True)


def encode_job(job: Job) -> bytes:
    """Each name, how many texts, and the texts, all ended by NUL, which none of them contains."""
    words: list[str] = []
    for name, texts in job.items():
        words += [name, str(len(texts)), *texts]
    if any("\0" in word for word in words):
        raise ValueError("a NUL in the arguments, the environment or the paths of a program")
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def decode_job(data: bytes) -> Job:
    """The job that was encoded."""
    words = [os.fsdecode(word) for word in data.split(b"\0")[:-1]]
    job: Job = {}
    position = 0
    while position < len(words):
        first = position + 2
        position = first + int(words[position + 1])
        job[words[first - 2]] = words[first:position]
    return job


def _number(job: Job, name: str) -> int | None:
    """A number of the job, or None where it has none."""
    return int(job[name][0]) if job.get(name) else None


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _checked(value: int, what: str) -> int:
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return value


def _prctl(option: int, argument: "Any", extra: "Any" = 0) -> None:
    zero = ctypes.c_ulong(0)
    _checked(_libc.prctl(option, argument, extra, zero, zero), f"prctl {option}")


def landlock_abi() -> int:
    """Version of Landlock in this kernel; 0 without it."""
    return max(0, _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def all_rights(abi: int) -> int:
    """Every right over files that Landlock of this version can withhold."""
    return (1 << _RIGHTS_BY_ABI[min(abi, max(_RIGHTS_BY_ABI))]) - 1


def _ruleset(abi: int, files: int, network: int, scoped: int) -> int:
    attributes = _RulesetAttributes(files, network if abi >= 4 else 0, scoped if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    arguments = (ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    return _checked(_libc.syscall(_CREATE_RULESET, *arguments), "landlock_create_ruleset")


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Grant rights below a path; a path that does not exist is skipped."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        rights &= _FILE_RIGHTS
    rule = _PathBeneath(rights, descriptor)
    arguments = (ctypes.c_int(ruleset), _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
    _checked(_libc.syscall(_ADD_RULE, *arguments), f"landlock_add_rule for {path}")
    os.close(descriptor)


def _enforce(ruleset: int) -> None:
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)), "landlock_restrict_self")
    os.close(ruleset)


# --- the program ----------------------------------------------------------------------------------


def _restrict_files(job: Job) -> None:
    abi = int(job["abi"][0])
    rights = all_rights(abi)
    ruleset = _ruleset(abi, rights, 3, _SCOPE_ALL)
    for path in job["read_only"]:
        _allow(ruleset, path, READ_FILE | READ_DIR | EXECUTE)
    for path in job["devices"]:
        _allow(ruleset, path, READ_FILE | WRITE_FILE)
    # Of /proc only itself, and without what it could see of the machine from there.
    for name in ("fd", "maps", "status", "stat", "statm", "cmdline"):
        _allow(ruleset, f"/proc/{os.getpid()}/{name}", READ_FILE | READ_DIR)
    _allow(ruleset, job["work"][0], rights & ~(_MAKE_DEVICES_AND_SOCKETS | _IOCTL_DEVICE))
    _enforce(ruleset)


def _become(user: int | None) -> None:
    """That user and nobody else; without one, the same user without any privilege."""
    for capability in range(64):
        if os.geteuid() == 0 and _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _user_tasks() -> int:
    """Processes and threads that this user has, which is what the kernel compares with a limit."""
    total, user = 0, os.getuid()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, IndexError):
                if os.stat(f"/proc/{name}").st_uid == user:
                    with open(f"/proc/{name}/stat", "rb") as file:
                        total += int(file.read().rpartition(b")")[2].split()[17])
    return total


def _set_limits(job: Job) -> None:
    import resource

    # If the machine runs out of memory, the program goes first.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    for text in job["limits"]:
        number, soft, hard = map(int, text.split())
        others = 0
        if number == resource.RLIMIT_NPROC and not job["user"]:
            others = _user_tasks() + int(job["spare_processes"][0])
        resource.setrlimit(number, (soft + others, hard + others))


def _confine(job: Job) -> None:
    os.setsid()
    os.umask(0o022)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would the program
        signal.signal(number, signal.SIG_DFL)
    _set_limits(job)
    _become(_number(job, "user"))
    _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    os.chdir(job["work"][0])
    _prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    _restrict_files(job)
    code = bytes.fromhex(job["filter"][0])
    own = os.getpid().to_bytes(4, sys.byteorder)
    code = code.replace(PID_PLACEHOLDER.to_bytes(4, sys.byteorder), own)
    program = _FilterProgram(len(code) // 8, code)
    _prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program))


def _run_program(job: Job, failures: int) -> "NoReturn":
    """Become the program. ``failures`` closes when that has worked."""
    try:
        _confine(job)
    except (OSError, ValueError) as error:
        os.write(failures, str(error).encode())
        os._exit(1)
    try:
        environment = dict(pair.split("=", 1) for pair in job["environment"])
        os.execve(job["argv"][0], job["argv"], environment)
    except OSError as error:
        os.write(2, f"{job['argv'][0]}: {error.strerror}\n".encode())
    os._exit(127)


# --- the keeper -----------------------------------------------------------------------------------


def _descendants(root: int) -> list[int]:
    found: list[int] = []
    pending = [root]
    while pending:
        pid = pending.pop()
        with suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    children = [int(word) for word in file.read().split()]
                found += children
                pending += children
    return found


def is_fenced(*outsiders: int) -> bool:
    """Whether this process may signal none of these living processes: ``kill(-1)`` is safe then."""
    for pid in outsiders:
        try:
            os.kill(pid, 0)
        except PermissionError:
            continue
        except ProcessLookupError:
            pass
        return False
    return True


def _kill_user(user: int, nobody: int) -> None:
    """SIGKILL to all processes of a user, from one that they cannot signal."""
    child = os.fork()
    if child == 0:
        if user >= 1000:
            os.setresuid(nobody, user, nobody)
            with suppress(OSError):
                os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(child, 0)


def _kill_everything(job: Job, fenced: bool) -> None:
    if fenced:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(-1, signal.SIGKILL)
    elif job["user"]:
        _kill_user(int(job["user"][0]), int(job["nobody"][0]))
    else:
        for pid in _descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _reap(statuses: dict[int, int]) -> bool:
    """Collect who has ended; false when nobody is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        statuses[pid] = status


def _keep(job: Job, guard: int, lifeline: int) -> "NoReturn":
    """Run the program and see to its end."""
    status_pipe, abi = int(job["status"][0]), int(job["abi"][0])
    os.setsid()
    _prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    _prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    if abi >= 6:
        # What a domain does not allow by name it denies: moving between directories, of all things.
        fence = _ruleset(abi, _MOVE, 0, _SCOPE_SIGNALS)
        _allow(fence, "/", _MOVE)
        _enforce(fence)
    fenced = abi >= 6 and is_fenced(guard, 1)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    failures, failed = os.pipe()
    program = os.fork()
    if program == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(lifeline)
        _run_program(job, failed)
    os.close(failed)
    for descriptor in range(3):
        os.close(descriptor)
    failure = os.read(failures, 4096).decode(errors="replace")
    _say(status_pipe, f"failure {failure}" if failure else f"keeper {os.getpid()}")
    statuses: dict[int, int] = {}
    poller = select.poll()
    poller.register(lifeline, select.POLLIN)
    poller.register(wake, select.POLLIN)
    while program not in statuses:
        if any(descriptor == lifeline for descriptor, _ in poller.poll()):
            break
        os.read(wake, 4096)
        _reap(statuses)
    pause = 0.0005
    while True:
        _kill_everything(job, fenced)
        if not _reap(statuses):
            break
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    remove_tree(job["work"][0])
    _say(status_pipe, f"status {statuses.get(program, signal.SIGKILL)}")
    os._exit(0)


def _say(descriptor: int, line: str) -> None:
    with suppress(BrokenPipeError):
        os.write(descriptor, line.replace("\n", " ").encode() + b"\n")


# --- the guard ------------------------------------------------------------------------------------


def main() -> None:
    """Read the job, start the keeper, and live as long as it does."""
    with open(int(sys.argv[1]), "rb") as file:
        job = decode_job(file.read())
    _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != _number(job, "parent"):
        return
    status, view = int(job["status"][0]), _number(job, "view")
    os.set_inheritable(status, False)
    if view is not None:
        _checked(_libc.setns(view, _CLONE_NEWNS), "setns")
        os.close(view)
    guard = os.getpid()
    lifeline, held = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(held)
        _keep(job, guard, lifeline)
    os.close(status)
    for descriptor in range(3):
        os.close(descriptor)
    os.waitpid(keeper, 0)


if __name__ == "__main__":
    main()
