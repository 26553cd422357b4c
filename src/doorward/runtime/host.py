"""The host of agents behind the agent door: fulfils `doorward.ports.agent.Runtime` with a worker process.

The agent door calls it after its checks; compose starts and closes it. It never imports an agent framework: only the
worker does.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog
from msgspec.structs import replace

from doorward.errors import NotFound
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.principals import Principal
from doorward.model.settings import AgentSettings
from doorward.ports.agent import CheckpointStore, StoppedAgents
from doorward.runtime.agent_file import agent_file, agent_secrets
from doorward.runtime.breaker import BreakerOptions, ModelBreaker
from doorward.runtime.exchange import NotSent, WorkerChunks, aborted, headers_for, post, refuse_failure, reply
from doorward.runtime.isolation import workers_for
from doorward.runtime.kept import KeptRuns
from doorward.runtime.operations import RuntimeOperations
from doorward.runtime.process import WorkerPlan
from doorward.runtime.removal import remove
from doorward.runtime.sessions import Invocation, Invocations, SessionKey, owner_of, turn_of
from doorward.runtime.state import StateApp, StateService
from doorward.runtime.switch import Switch
from doorward.runtime.wire import INVOCATIONS, TITLES, TITLES_AGENT
from doorward.runtime.workers import Lease, Workers
from doorward.telemetry.metrics import AGENT_RUNS

log = structlog.get_logger()

# How long a stop waits for the end of what it stopped.
STOPPING_SECONDS = 1.0

# Our own services give up on a silent agent first, and know why.
STALL_GRACE = 5.0


class RuntimeHost:
    """Hosts the configured agent and the built-in `titles` agent. Fails closed.

    `environment` is where the variables named by ``agent.pass_environment`` are taken from, `hidden` are paths that no
    session may read, `stopped` remembers what operators stopped; `operations` is their side of it. `start` raises
    `ConfigurationError` with file, line and message when the agent cannot be loaded.
    """

    def __init__(
        self,
        settings: AgentSettings,
        *,
        checkpoints: CheckpointStore,
        stopped: StoppedAgents,
        environment: Mapping[str, str],
        hidden: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._file = agent_file(settings.file)
        self._checkpoints = checkpoints
        self._environment = environment
        self._hidden = tuple(hidden)
        self._invocations = Invocations()
        self._kept = KeptRuns()
        self._paths = {settings.name: INVOCATIONS, TITLES_AGENT: TITLES}
        self._runs = {name: AGENT_RUNS.labels(name) for name in self._paths}
        self._folder: Path | None = None
        self._state: StateService | None = None
        self._workers: Workers | None = None
        self._switch = Switch(stopped, time.time)
        self.operations = RuntimeOperations(settings.name, self._invocations, self._switch, lambda: self._workers)

    async def start(self) -> None:
        """Start the state service and the worker; ready when it answers ``GET /ping``."""
        self._folder = Path(tempfile.mkdtemp(prefix="doorward-"))
        state_socket = str(self._folder / "state.sock")
        breaker = ModelBreaker(
            BreakerOptions(
                failures=self._settings.model_breaker_failures,
                pause=self._settings.model_breaker_pause,
                probe_time=self._settings.model_deadline,
            )
        )
        self._state = StateService(StateApp(self._checkpoints, self._invocations, breaker), state_socket)
        plan = WorkerPlan(
            settings=self._settings,
            file=self._file,
            environment=self._environment,
            folder=self._folder,
            state_socket=state_socket,
        )
        try:
            self._workers = workers_for(plan, (*self._hidden, *agent_secrets(self._file.path)))
            await self._switch.load()
            await self._state.start()
            if self._switch.since(self._settings.name) is None:
                await self._workers.start()
            else:
                log.warning("agent_is_stopped", agent=self._settings.name)
        except BaseException:
            await self.close()
            raise

    async def drain(self, seconds: float) -> None:
        """Give what runs so long to end by itself: a gateway that stops at the same moment ends its own turns, and they
        are to hear why from it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._invocations.idle()

    async def close(self) -> None:
        """Stop what runs, the worker, the state service, and remove the private folder."""
        for invocation in self._invocations.all():
            invocation.abort("closing")
        await self._kept.close()
        if self._workers is not None:
            await self._workers.close()
        if self._state is not None:
            await self._state.close()
        if self._folder is not None:
            remove(self._folder)

    async def ready(self) -> bool:
        """Whether a call would be served; so it is, with a refusal, by one that an operator has stopped."""
        if self._switch.since(self._settings.name) is not None:
            return True
        return self._workers is not None and await self._workers.ready()

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers that serve now."""
        return self._workers.pids() if self._workers is not None else []

    async def run(self, agent: str, caller: Principal, call: AgentCall) -> AgentReply:
        path = self._paths.get(agent)
        if path is None or self._workers is None:
            raise NotFound(f"There is no agent {agent}.", code="agent_unknown")
        self._switch.check(self._settings.name)
        key = SessionKey(owner_of(caller), agent, call.session_id)
        if not (call.keep and turn_of(caller)):
            return await self._begin(path, key, (caller, call))
        name = (*key.parts, turn_of(caller))
        return await self._kept.run(name, call.keep, lambda: self._begin(path, key, (caller, call)))

    async def resume(self, agent: str, caller: Principal, session_id: str) -> AgentReply:
        return await self._kept.resume((*SessionKey(owner_of(caller), agent, session_id).parts, turn_of(caller)))

    async def _begin(self, path: str, key: SessionKey, asked: tuple[Principal, AgentCall]) -> AgentReply:
        caller, _ = asked
        invocation = self._invocations.begin(key, self._settings.turn_timeout, turn_id=turn_of(caller))
        invocation.silence = self._settings.stall_timeout + STALL_GRACE
        try:
            try:
                return await self._run(path, invocation, asked)
            except NotSent:
                return await self._run(path, invocation, asked)
        except BaseException:
            self._invocations.end(invocation)
            raise

    async def _run(self, path: str, invocation: Invocation, asked: tuple[Principal, AgentCall]) -> AgentReply:
        # Names are made where the conversation is: its process has the agent loaded and is warm.
        session = replace(invocation.key, agent=self._settings.name)
        lease = await self._leased(session, invocation)
        try:
            return await self._sent(lease, path, invocation, asked)
        except BaseException:
            lease.release()
            raise

    async def _leased(self, session: SessionKey, invocation: Invocation) -> Lease:
        """A process for the call; ended by `Invocation.abort`."""
        if self._workers is None or invocation.aborted:
            raise aborted(invocation)
        try:
            async with asyncio.timeout(None) as scope:
                loop = asyncio.get_running_loop()
                invocation.hang_up = lambda: scope.reschedule(loop.time())
                lease = await self._workers.lease(session, deadline=invocation.deadline)
        except TimeoutError:
            raise aborted(invocation) from None
        finally:
            invocation.hang_up = None
        if invocation.aborted:
            lease.release()
            raise aborted(invocation)
        return lease

    async def _sent(
        self, lease: Lease, path: str, invocation: Invocation, asked: tuple[Principal, AgentCall]
    ) -> AgentReply:
        caller, call = asked
        headers = headers_for(lease.worker, invocation, caller, call)
        self._runs[invocation.key.agent].inc()
        response = await post(lease.worker, path, headers, call.payload, invocation)
        await refuse_failure(response, invocation.key.agent)

        def end(ended: Invocation) -> None:
            self._invocations.end(ended)
            lease.release()

        limit = self._settings.max_response_bytes
        return reply(response, call, WorkerChunks(lease.worker, response, invocation, end=end, limit=limit))

    async def forget(self, agent: str, caller: Principal, session_id: str) -> None:
        await self._checkpoints.delete(owner_of(caller), agent, session_id)

    async def stop(self, agent: str, caller: Principal, session_id: str) -> bool:
        invocation = self._invocations.running(SessionKey(owner_of(caller), agent, session_id))
        # A turn stops itself alone: by the time it asks, the session's next turn may be running.
        if invocation is None or turn_of(caller) not in ("", invocation.turn_id):
            return False
        invocation.abort("stopped")
        # Whoever stops it means to go on in its session, which is busy until then.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_SECONDS):
                await invocation.over.wait()
        return True
