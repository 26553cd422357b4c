"""What a measurement needs to know of this machine and its processes: CPU time, memory, names. Linux only."""

import os
import subprocess
import sys
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def description() -> str:
    """CPU model, cores, kernel and Python, on one line."""
    told = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    known = {name.strip(): value.strip() for name, value in told.items()}
    cpu = f"{known.get('model name', 'unknown CPU')} at {known.get('cpu MHz', '?')} MHz, {os.cpu_count()} cores"
    return f"{cpu}, {os.uname().sysname} {os.uname().release}, Python {sys.version.split()[0]}"


def load() -> float:
    """Processes that want to run, over the last minute: above 1 before a run, numbers are worth little."""
    return os.getloadavg()[0]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def proportional_bytes(pid: int) -> int:
    """Memory of a process that is in RAM, pages that it shares with others divided among them (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def descendants(pid: int) -> list[int]:
    """The process ids of all children and theirs."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found, front = [], [pid]
    while front:
        front = [child for parent in front for child in children.get(parent, [])]
        found += front
    return found


def command_of(pid: int) -> str:
    """Its command line."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
