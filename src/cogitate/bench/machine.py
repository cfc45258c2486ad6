"""What a measurement was taken on, in one line, and how busy the machine was meanwhile."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


def describe_cpu() -> str:
    """Cores, processor, memory and kernel, as one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{usable_cores()} cores of {_processor()}, {memory:.0f} GiB, {system}"


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): " ".join(value.split()) for key, value in facts.items()}
    name = named.get("model name", platform.machine())
    if name.upper() in {"GENUINEINTEL", "AUTHENTICAMD"} or "Processor" in name:
        # Virtual machines often hide the marketing name; family and model identify the design.
        name += f" (family {named.get('cpu family')}, model {named.get('model')})"
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuClock:
    """A reading of the machine's and of some processes' CPU time, in clock ticks."""

    busy: int
    total: int
    own: int

    def foreign_fraction(self, later: "CpuClock") -> float:
        """Fraction of the machine's CPU time between two readings that went to anyone else,
        the hypervisor included. Above a few percent, a timing is not to be trusted."""
        total = later.total - self.total
        if total <= 0:
            return 0.0
        foreign = (later.busy - self.busy) - (later.own - self.own)
        return min(1.0, max(0.0, foreign / total))


def read_cpu_clock(pids: Iterable[int]) -> CpuClock:
    """A reading now; zeros where the system has no /proc."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except OSError:
        return CpuClock(busy=0, total=0, own=0)
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in fields)
    busy = user + nice + system + irq + softirq + steal
    own = sum(_process_ticks(pid) for pid in pids)
    return CpuClock(busy=busy, total=busy + idle + iowait, own=own)


def _process_ticks(pid: int) -> int:
    try:
        # The command name may hold spaces and parentheses; what follows the last one does not.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def process_group(leader: int) -> list[int]:
    """Processes of the group that ``leader`` leads; only the leader where there is no /proc."""
    members = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader:
            members.append(int(entry.name))
    return members or [leader]
