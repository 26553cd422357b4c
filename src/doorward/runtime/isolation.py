"""Chooses how sessions are kept apart, as the settings say and the machine can, and says what holds."""

import sys
from collections.abc import Iterable

import structlog

from doorward.errors import ConfigurationError
from doorward.model.settings import AgentSettings
from doorward.runtime.keeper import WorkerKeeper
from doorward.runtime.pool import PoolOptions, SessionPool
from doorward.runtime.process import WorkerPlan, start_worker
from doorward.runtime.warden import Allowance
from doorward.runtime.wire import Confinement
from doorward.runtime.worker.confine.session import enforced
from doorward.runtime.workers import SharedWorkers, Workers
from doorward.runtime.zygote import start_zygote

log = structlog.get_logger()


def workers_for(plan: WorkerPlan, hidden: Iterable[str]) -> Workers:
    """The processes of the agent. `hidden` are paths that no session may read. Raises `ConfigurationError`
    (``isolation_impossible``) when the network is to be closed and cannot be."""
    settings = plan.settings
    possible = sys.platform == "linux"
    if settings.network == "none" and not (
        possible and settings.isolation == "session" and "network" in enforced(network=False)
    ):
        raise ConfigurationError(
            'agent.network = "none" needs agent.isolation = "session" and a Linux with seccomp.',
            code="isolation_impossible",
        )
    if settings.isolation == "shared" or not possible:
        log.warning("sessions_share_a_process", reason="configuration" if possible else "only Linux can part them")
        return SharedWorkers(lambda: WorkerKeeper(lambda: start_worker(plan)))
    log.info("sessions_are_apart", enforced=enforced(network=settings.network == "open"), network=settings.network)
    confined = confinement(settings, str(plan.file.path.parent), tuple(hidden))
    return SessionPool(lambda: WorkerKeeper(lambda: start_zygote(plan)), pool_options(settings, confined))


def pool_options(settings: AgentSettings, confined: Confinement) -> PoolOptions:
    """What the settings say of the pool."""
    return PoolOptions(
        most=settings.sessions,
        idle=settings.session_idle,
        life=settings.session_life,
        queue=settings.session_queue,
        patience=settings.session_patience,
        allowance=Allowance(
            processes=settings.session_processes, memory=settings.session_memory, disk=settings.session_disk
        ),
        confinement=confined,
    )


def confinement(settings: AgentSettings, folder: str, hidden: tuple[str, ...]) -> Confinement:
    """What a session may touch: the agent's `folder` is its to read, but for what is `hidden`."""
    return Confinement(
        readable=(folder, *settings.session_readable),
        writable=settings.session_writable,
        hidden=hidden,
        network=settings.network == "open",
        memory=settings.session_memory,
        cpu=settings.session_cpu,
        files=settings.session_files,
        disk=settings.session_disk,
        processes=settings.session_processes,
    )
