"""Watches what each session uses, where the kernel's limits count for one process only; ends what takes too much."""

import asyncio

import structlog
from msgspec import Struct

from doorward.runtime.removal import takes_more
from doorward.runtime.tree import Seen, below, end_all, processes
from doorward.runtime.zygote import SessionProcess, Zygote
from doorward.telemetry.metrics import SESSIONS_ENDED

log = structlog.get_logger()

MOST_FILES = 20_000
DISK_EVERY = 4


class Allowance(Struct, frozen=True, kw_only=True):
    """What a session with all its processes may use: `memory` and `disk` in bytes."""

    processes: int
    memory: int
    disk: int


class Warden:
    """Looks at all sessions of a warm process at once."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._looks = 0
        self._begun: dict[int, int] = {}  # when each process of the last look began

    async def look(self, zygote: Zygote) -> None:
        """End sessions that are over their allowance, and processes that their session has left behind."""
        async with zygote.lock:  # none is being forked: every child is known
            seen = processes()
            sessions = dict(zygote.children)
            children = [pid for pid, process in seen.items() if process.parent == zygote.pid]
        for pid in (*(pid for pid in children if pid not in sessions), *self._escaped(zygote.pid, seen)):
            log.warning("stray_process_ended", pid=pid)
            end_all(pid)
        base = seen[zygote.pid].resident if zygote.pid in seen else 0
        for session in sessions.values():
            pids = below([session.pid], seen)
            resident = sum(max(0, seen[pid].resident - base) for pid in pids)
            if len(pids) > self._allowance.processes:
                _end(session, "processes")
            elif resident > self._allowance.memory:
                _end(session, "memory")
        self._looks += 1
        if self._looks % DISK_EVERY == 0:
            for session in sessions.values():
                if await asyncio.to_thread(takes_more, session.scratch, self._allowance.disk, MOST_FILES):
                    _end(session, "disk")

    def _escaped(self, zygote: int, seen: dict[int, Seen]) -> list[int]:
        """Those that were below a warm process and are not any more: what they were below has died."""
        here = below([zygote], seen)
        escaped = [pid for pid in self._begun.keys() - set(here) if pid in seen and seen[pid].began == self._begun[pid]]
        self._begun = {pid: seen[pid].began for pid in here}
        return escaped


def _end(session: SessionProcess, limit: str) -> None:
    """What it leaves is removed by the pool, which sees that it has ended: a look waits for nothing."""
    log.warning("session_over_limit", pid=session.pid, limit=limit)
    SESSIONS_ENDED.labels(limit).inc()
    end_all(session.pid)
