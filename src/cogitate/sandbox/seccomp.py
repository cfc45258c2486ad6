"""Seccomp filters: which system calls a program may make, as a BPF program for the kernel.

A filter denies by list: everything dangerous or useless for a test program fails with EPERM, what
the kernel has added since fails with ENOSYS, and a foreign architecture or the x32 ABI kills. The
few instructions that a filter needs are assembled here, because libseccomp may be missing.
"""

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cogitate.sandbox.syscalls import AUDIT_ARCH, FIRST_UNKNOWN, NUMBERS, X86_64

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32_BIT = 0x40000000
_ALL_BITS = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: a ``struct sock_filter``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A condition on the low 32 bits of an argument, which is all the kernel reads of an int.

    It holds if ``argument & mask`` is one of ``values``, or none of them if ``negated``.
    """

    __test__ = False  # its name means nothing to pytest

    argument: int
    values: tuple[int, ...]
    mask: int = _ALL_BITS
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A system call is refused unless all of ``unless`` hold; with none, always."""

    name: str
    unless: tuple[Test, ...] = ()
    error: int = errno.EPERM


def denied(names: str, *, error: int = errno.EPERM) -> tuple[Rule, ...]:
    """A rule for each of the names, which stand in one string."""
    return tuple(Rule(name=name, error=error) for name in names.split())


# Namespaces: NEWTIME shares its bit with the exit signal of clone, so it is not in clone's mask.
_NEW_NAMESPACES = 0x7E020000
_PR_DENIED = (1, 4, 22, 35, 36, 62)  # PDEATHSIG, DUMPABLE, SECCOMP, MM, CHILD_SUBREAPER, SCHED_CORE
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

COMMON: tuple[Rule, ...] = (
    *denied(
        # the system itself
        "mount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig "
        "fsmount fspick mount_setattr swapon swapoff reboot sethostname setdomainname iopl ioperm "
        "modify_ldt acct settimeofday clock_settime clock_adjtime adjtimex quotactl quotactl_fd "
        "vhangup syslog init_module finit_module delete_module create_module get_kernel_syms "
        "query_module kexec_load kexec_file_load nfsservctl uselib _sysctl sysfs ustat "
        "lookup_dcookie file_setattr "
        # doors into the kernel that programs under test never need and that had the most holes
        "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
        "add_key request_key keyctl vmsplice fanotify_init fanotify_mark "
        # other processes, and files without their names
        "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp "
        "pidfd_getfd unshare setns name_to_handle_at open_by_handle_at seccomp "
        # memory that belongs to no process, so that no limit sees it
        "memfd_create memfd_secret shmget shmat shmctl shmdt semget semop semctl semtimedop "
        "msgget msgsnd msgrcv msgctl mq_open "
        # scheduling and placement
        "mbind set_mempolicy set_mempolicy_home_node migrate_pages move_pages sched_setscheduler "
        "sched_setparam sched_setattr ioprio_set"
    ),
    # glibc falls back to clone, whose flags can be read; those of clone3 are behind a pointer.
    Rule(name="clone3", error=errno.ENOSYS),
    Rule(name="clone", unless=(Test(argument=0, mask=_NEW_NAMESPACES, values=(0,)),)),
    Rule(name="prlimit64", unless=(Test(argument=0, values=(0,)),)),
    Rule(name="sched_setaffinity", unless=(Test(argument=0, values=(0,)),)),
    Rule(
        name="setpriority",
        unless=(Test(argument=0, values=(0,)), Test(argument=1, values=(0,))),
    ),
    Rule(name="prctl", unless=(Test(argument=0, values=_PR_DENIED, negated=True),)),
    Rule(name="personality", unless=(Test(argument=0, values=(0, _ALL_BITS)),)),
    Rule(name="ioctl", unless=(Test(argument=1, values=_TERMINAL_INJECTION, negated=True),)),
    # A pair of datagram sockets could still be sent to any path; a stream pair cannot.
    Rule(
        name="socketpair",
        unless=(
            Test(argument=0, values=(_AF_UNIX,)),
            Test(argument=1, mask=_SOCK_TYPE_MASK, values=(_SOCK_STREAM,)),
        ),
    ),
)

WITH_NAMESPACES: tuple[Rule, ...] = (
    *COMMON,
    # Sockets in the file system are those of the sandbox: it has its own network and mounts.
    Rule(name="socket", unless=(Test(argument=0, values=(_AF_UNIX,)),)),
)
"""For bubblewrap."""

WITHOUT_NAMESPACES: tuple[Rule, ...] = (
    *COMMON,
    *denied(
        "socket connect bind listen accept accept4 inotify_init inotify_init1 inotify_add_watch"
    ),
)
"""For Landlock: the network and the sockets in the file system are those of the host."""

OTHERS_METADATA = denied(
    "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat "
    "utime utimes futimesat utimensat truncate"
)
"""Landlock does not look at these (at truncate from Linux 6.2 on), and they work on every file that
everybody may write."""

OWN_METADATA = denied("chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat")
"""Nor at these, which work on the files of the program's own user."""


def own_signals_only(pid: int) -> tuple[Rule, ...]:
    """For kernels whose Landlock does not confine signals: to itself and its group, no others."""
    target = (Test(argument=0, values=(0, pid)),)
    return (
        Rule(name="kill", unless=target),
        Rule(name="tgkill", unless=target),
        Rule(name="rt_tgsigqueueinfo", unless=target),
        *denied("tkill rt_sigqueueinfo pidfd_open pidfd_send_signal"),
    )


def _assemble_tests(rule: Rule) -> list[Instruction]:
    """What follows once the number matches; every path returns."""
    code: list[Instruction] = []
    for test in rule.unless:
        code.append((LOAD, 0, 0, _ARGUMENTS + 8 * test.argument))
        if test.mask != _ALL_BITS:
            code.append((AND, 0, 0, test.mask))
        for index, value in enumerate(test.values):
            # Over the values that are left and one more instruction: beyond the refusal, or, if
            # negated, onto it.
            code.append((JUMP_EQUAL, len(test.values) - index, 0, value))
        if test.negated:
            code.append((JUMP_AT_LEAST, 1, 0, 0))  # always: skip the refusal
        code.append((RETURN, 0, 0, ERRNO | rule.error))
    if rule.unless:
        code.append((RETURN, 0, 0, ALLOW))
    else:
        code.append((RETURN, 0, 0, ERRNO | rule.error))
    return code


def assemble(rules: Sequence[Rule], architecture: str) -> list[Instruction]:
    """The filter as instructions. Rules for calls that the architecture lacks are left out."""
    code: list[Instruction] = [
        (LOAD, 0, 0, _ARCH),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCH[architecture]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, _NUMBER),
    ]
    if architecture == X86_64:
        code += [(JUMP_AT_LEAST, 0, 1, _X32_BIT), (RETURN, 0, 0, KILL_PROCESS)]
    code += [(JUMP_AT_LEAST, 0, 1, FIRST_UNKNOWN), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    numbers = NUMBERS[architecture]
    for rule in rules:
        if rule.name in numbers:
            body = _assemble_tests(rule)
            code += [(JUMP_EQUAL, 0, len(body), numbers[rule.name]), *body]
    return [*code, (RETURN, 0, 0, ALLOW)]


def encode(code: Sequence[Instruction]) -> bytes:
    """The instructions as the kernel reads them: an array of ``struct sock_filter``."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
