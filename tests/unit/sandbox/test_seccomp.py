"""The filters, run by a small machine for BPF that is written here after the kernel's rules."""

import errno
import itertools
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.sandbox.launcher import PID_PLACEHOLDER
from cogitate.sandbox.seccomp import (
    ALLOW,
    COMMON,
    ERRNO,
    KILL_PROCESS,
    OTHERS_METADATA,
    OWN_METADATA,
    WITH_NAMESPACES,
    WITHOUT_NAMESPACES,
    Instruction,
    Rule,
    Test,
    assemble,
    denied,
    encode,
    own_signals_only,
)
from cogitate.sandbox.syscalls import (
    AARCH64,
    AUDIT_ARCH,
    FIRST_UNKNOWN,
    NUMBERS,
    X86_64,
    this_architecture,
)

REFUSED = ERRNO | errno.EPERM
ABSENT = ERRNO | errno.ENOSYS
ARCHITECTURES = (X86_64, AARCH64)
FILTERS = {
    "with namespaces": WITH_NAMESPACES,
    "without": WITHOUT_NAMESPACES + OTHERS_METADATA,
    "without, as a user": WITHOUT_NAMESPACES
    + OTHERS_METADATA
    + OWN_METADATA
    + own_signals_only(77),
}
# What every program needs, by number on both architectures.
HARMLESS = {
    X86_64: {"read": 0, "write": 1, "openat": 257, "mmap": 9, "futex": 202, "execve": 59, "wait4": 61,
             "exit_group": 231, "getrandom": 318, "rt_sigaction": 13, "pipe2": 293, "mkdir": 83},
    AARCH64: {"read": 63, "write": 64, "openat": 56, "mmap": 222, "futex": 98, "execve": 221,
              "wait4": 260, "exit_group": 94, "getrandom": 278, "rt_sigaction": 134, "pipe2": 59},
}  # fmt: skip


def simulate(code: Sequence[Instruction], architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would return: BPF_LD, BPF_ALU AND, BPF_JMP JEQ and JGE, BPF_RET."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(a % 2**64 for a in padded))
    position, accumulator = 0, 0
    while True:
        operation, if_true, if_false, operand = code[position]
        position += 1
        if operation == 0x20:
            assert operand % 4 == 0 and operand <= len(data) - 4
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif operation == 0x54:
            accumulator &= operand
        elif operation == 0x15:
            position += if_true if accumulator == operand else if_false
        elif operation == 0x35:
            position += if_true if accumulator >= operand else if_false
        else:
            assert operation == 0x06
            return operand


def expected(
    rules: Sequence[Rule], architecture: str, number: int, arguments: Sequence[int]
) -> int:
    """The same, straight from the rules."""
    if architecture == X86_64 and number >= 0x40000000:
        return KILL_PROCESS
    if number >= FIRST_UNKNOWN:
        return ABSENT
    for rule in rules:
        if NUMBERS[architecture].get(rule.name) == number:
            fine = bool(rule.unless) and all(
                ((arguments[test.argument] & 0xFFFFFFFF & test.mask) in test.values) != test.negated
                for test in rule.unless
            )
            return ALLOW if fine else ERRNO | rule.error
    return ALLOW


@pytest.mark.parametrize("rules", FILTERS.values(), ids=FILTERS.keys())
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_rule_is_what_the_program_does(rules: tuple[Rule, ...], architecture: str) -> None:
    code = assemble(rules, architecture)
    first = (0, 1, 2, 4, 15, 36, 77, 0x10000011, 2**32 - 1, 2**40)
    second = (0, 1, 2, 0x5412, 0x80001)
    numbers = NUMBERS[architecture]
    conditional = {numbers[rule.name] for rule in rules if rule.unless and rule.name in numbers}
    for number in range(FIRST_UNKNOWN + 5):
        tried = itertools.product(first, second) if number in conditional else [(0, 0)]
        for pair in tried:
            arguments = (*pair, 0, 0, 0, 0)
            seen = simulate(code, AUDIT_ARCH[architecture], number, *arguments)
            assert seen == expected(rules, architecture, number, arguments), (number, arguments)


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(0, 2**64 - 1)] * 6))
def test_any_call(number: int, arguments: tuple[int, ...]) -> None:
    for architecture in ARCHITECTURES:
        code = assemble(WITHOUT_NAMESPACES, architecture)
        seen = simulate(code, AUDIT_ARCH[architecture], number, *arguments)
        assert seen == expected(WITHOUT_NAMESPACES, architecture, number, arguments)


@pytest.mark.parametrize("rules", FILTERS.values(), ids=FILTERS.keys())
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_foreign_architectures_are_killed(rules: tuple[Rule, ...], architecture: str) -> None:
    code = assemble(rules, architecture)
    for other in (0x40000003, AUDIT_ARCH[AARCH64 if architecture == X86_64 else X86_64], 0):
        assert simulate(code, other, 39) == KILL_PROCESS


@pytest.mark.parametrize("rules", FILTERS.values(), ids=FILTERS.keys())
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_programs_need_is_allowed(rules: tuple[Rule, ...], architecture: str) -> None:
    code = assemble(rules, architecture)
    for name, number in HARMLESS[architecture].items():
        assert simulate(code, AUDIT_ARCH[architecture], number, 3, 5) == ALLOW, name


def outcome(rules: Sequence[Rule], name: str, *arguments: int) -> int:
    code = assemble(rules, X86_64)
    return simulate(code, AUDIT_ARCH[X86_64], NUMBERS[X86_64][name], *arguments)


def test_threads_yes_namespaces_no() -> None:
    thread, new_user = 0x3D0F00, 0x10000000
    assert outcome(COMMON, "clone", thread) == ALLOW
    assert outcome(COMMON, "clone", 17) == ALLOW  # fork, which asks for SIGCHLD
    assert outcome(COMMON, "clone", new_user | 17) == REFUSED
    assert outcome(COMMON, "clone3") == ABSENT, "glibc then uses clone"
    assert outcome(COMMON, "unshare", 0) == REFUSED


def test_sockets() -> None:
    unix, internet, stream, datagram = 1, 2, 1, 2
    assert outcome(WITH_NAMESPACES, "socket", unix) == ALLOW
    assert outcome(WITH_NAMESPACES, "socket", internet) == REFUSED
    assert outcome(WITHOUT_NAMESPACES, "socket", unix) == REFUSED
    close_on_exec = 0x80000
    assert outcome(WITHOUT_NAMESPACES, "socketpair", unix, stream | close_on_exec) == ALLOW
    assert outcome(WITHOUT_NAMESPACES, "socketpair", unix, datagram | close_on_exec) == REFUSED
    assert outcome(WITHOUT_NAMESPACES, "socketpair", 30, stream) == REFUSED
    assert outcome(WITHOUT_NAMESPACES, "sendto") == ALLOW, "asyncio sends to itself"


def test_only_low_bits_count_as_for_the_kernel() -> None:
    internet_with_junk = 2 | 1 << 40
    unix_with_junk = 1 | 1 << 40
    assert outcome(WITH_NAMESPACES, "socket", internet_with_junk) == REFUSED
    assert outcome(WITH_NAMESPACES, "socket", unix_with_junk) == ALLOW


def test_processes_of_others_are_out_of_reach() -> None:
    for name in ("prlimit64", "sched_setaffinity"):
        assert outcome(COMMON, name, 0) == ALLOW
        assert outcome(COMMON, name, 1234) == REFUSED
    assert outcome(COMMON, "setpriority", 0, 0) == ALLOW
    assert outcome(COMMON, "setpriority", 0, 1234) == REFUSED
    assert outcome(COMMON, "setpriority", 2, 0) == REFUSED
    rules = own_signals_only(77)
    assert outcome(rules, "kill", 77) == outcome(rules, "kill", 0) == ALLOW
    for other in (1, 78, 2**32 - 1):  # the last is -1: everybody
        assert outcome(rules, "kill", other) == REFUSED
    assert outcome(rules, "tgkill", 77, 80) == ALLOW
    assert outcome(rules, "tkill", 77) == REFUSED


def test_prctl_and_ioctl_refuse_by_list() -> None:
    pdeathsig, name, dumpable = 1, 15, 4
    assert outcome(COMMON, "prctl", name) == ALLOW
    assert outcome(COMMON, "prctl", pdeathsig) == outcome(COMMON, "prctl", dumpable) == REFUSED
    assert outcome(COMMON, "ioctl", 1, 0x5401) == ALLOW
    assert outcome(COMMON, "ioctl", 1, 0x5412) == REFUSED


def test_a_rule_with_several_conditions_wants_them_all() -> None:
    both = Rule(
        name="kill", unless=(Test(argument=0, values=(1, 2)), Test(argument=1, values=(3,)))
    )
    assert outcome((both,), "kill", 1, 3) == outcome((both,), "kill", 2, 3) == ALLOW
    assert outcome((both,), "kill", 1, 4) == outcome((both,), "kill", 5, 3) == REFUSED
    neither = Rule(name="kill", unless=(Test(argument=0, values=(1, 2), negated=True),))
    assert outcome((neither,), "kill", 3) == ALLOW
    assert outcome((neither,), "kill", 1) == outcome((neither,), "kill", 2) == REFUSED


def test_jumps_fit_their_bytes() -> None:
    for rules in FILTERS.values():
        for architecture in ARCHITECTURES:
            code = assemble(rules, architecture)
            assert all(0 <= jump <= 255 for _, *jumps, _ in code for jump in jumps)
            assert len(code) < 4096, "the kernel takes no more"


def test_encoding() -> None:
    assert encode([(0x06, 1, 2, 0x7FFF0000)]) == struct.pack("=HBBI", 6, 1, 2, 0x7FFF0000)
    assert len(encode(assemble(COMMON, X86_64))) % 8 == 0


def test_the_placeholder_of_the_process_number_appears_only_as_operand() -> None:
    code = assemble(own_signals_only(PID_PLACEHOLDER), X86_64)
    assert sum(operand == PID_PLACEHOLDER for *_, operand in code) == 3
    marker = struct.pack("=I", PID_PLACEHOLDER)
    assert encode(code).count(marker) == 3
    for rules in FILTERS.values():
        assert marker not in encode(assemble(rules, X86_64))


def test_names_are_known_and_each_has_one_rule() -> None:
    for rules in (*FILTERS.values(), denied("mount umount2")):
        names = [rule.name for rule in rules]
        assert len(names) == len(set(names))
        assert set(names) <= NUMBERS[X86_64].keys() | NUMBERS[AARCH64].keys()


def test_numbers_are_shared_from_424_on() -> None:
    for name, number in NUMBERS[X86_64].items():
        if number >= 424:
            assert NUMBERS[AARCH64][name] == number < FIRST_UNKNOWN


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_number_twice(architecture: str) -> None:
    numbers = NUMBERS[architecture].values()
    assert len(numbers) == len(set(numbers))


def test_numbers_are_those_of_the_system() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers here")
    found = re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read_text())
    ours = NUMBERS[X86_64]
    compared = [(name, ours[name], int(number)) for name, number in found if name in ours]
    assert len(compared) > 100
    assert all(mine == theirs for _, mine, theirs in compared)


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("x86_64", X86_64),
        ("AMD64", X86_64),
        ("arm64", AARCH64),
        ("aarch64", AARCH64),
        ("riscv64", None),
    ],
)
def test_architectures(monkeypatch: pytest.MonkeyPatch, machine: str, name: str | None) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert this_architecture() == name
