"""Answers that outlive their reader: what a turn's call gives is kept, so that it can be read again from its beginning.

The host asks here for calls that were made with `keep`. The run goes on when its reader goes away (a gateway that was
killed), for so long as the call said; whoever resumes reads everything from the first byte. Kept in this process only.
"""

import asyncio
import tempfile
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import IO

import structlog
from msgspec.structs import replace

from doorward.errors import AgentFailed, Conflict, DoorwardError, NotFound
from doorward.model.agent import AgentReply
from doorward.model.chunks import close_chunks

log = structlog.get_logger()

# An answer above this many bytes lies in a file without a name, not in memory.
MEMORY_BYTES = 65_536
READ_BYTES = 65_536
# Answers that came to their end are kept for a gateway that dies before it has stored them: seconds, how many, bytes.
ENDED_SECONDS = 60.0
ENDED_RUNS = 1000
ENDED_BYTES = 67_108_864

Produce = Callable[[], Awaitable[AgentReply]]
Name = tuple[str, ...]


class KeptRuns:
    """The kept calls, by name (whose, which agent, session, turn). Belongs to one event loop."""

    def __init__(self) -> None:
        self._runs: dict[Name, _Run] = {}
        self._ended: OrderedDict[Name, tuple[_Run, float]] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None
        self._ended_bytes = 0

    async def run(self, name: Name, keep: float, produce: Produce) -> AgentReply:
        """Run `produce` to its end, whoever reads. Raises what it raises before its first byte."""
        if (earlier := self._runs.get(name)) is not None:
            if not earlier.over:
                raise Conflict("This turn runs already.", code="session_busy")
            self._forget(name)
        run = self._runs[name] = _Run(produce, keep, lambda: self._end(name, run))
        return await run.reply()

    async def resume(self, name: Name) -> AgentReply:
        """The same answer from its first byte on, or its error. `NotFound` (``turn_not_kept``)."""
        run = self._runs.get(name)
        if run is None:
            raise NotFound("Nothing is left of this turn's answer.", code="turn_not_kept")
        return await run.reply()

    async def close(self) -> None:
        """End what runs and forget everything."""
        tasks = [run.task for run in self._runs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._sweep is not None:
            self._sweep.cancel()
        for name in list(self._ended):
            self._forget(name)

    def _end(self, name: Name, run: "_Run") -> None:
        if self._runs.get(name) is not run:
            run.close()
            return
        self._ended[name] = (run, asyncio.get_running_loop().time())
        self._ended_bytes += run.size
        while len(self._ended) > ENDED_RUNS or self._ended_bytes > ENDED_BYTES:
            self._forget(next(iter(self._ended)))
        # One timer for all: a timer for each would hold what is long forgotten.
        if self._sweep is None and self._ended:
            self._sweep = asyncio.get_running_loop().call_later(ENDED_SECONDS, self._forget_old)

    def _forget_old(self) -> None:
        self._sweep = None
        loop = asyncio.get_running_loop()
        old = [name for name, (_, at) in self._ended.items() if loop.time() - at >= ENDED_SECONDS]
        for name in old:
            self._forget(name)
        if self._ended:
            _, first = next(iter(self._ended.values()))
            self._sweep = loop.call_at(first + ENDED_SECONDS, self._forget_old)

    def _forget(self, name: Name) -> None:
        run, _ = self._ended.pop(name)
        self._ended_bytes -= run.size
        del self._runs[name]
        run.close()


class _Run:
    """One call: a task that reads its answer into a spool, and any number of readers of that."""

    def __init__(self, produce: Produce, keep: float, on_end: Callable[[], None]) -> None:
        self._head: asyncio.Future[AgentReply] = asyncio.get_running_loop().create_future()
        self._keep = keep
        self._on_end = on_end
        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - lives with the run
        self.size = 0
        self.over = False
        self._problem: DoorwardError | None = None
        self._readers = 0
        self._alone: asyncio.TimerHandle | None = None
        self._news: set[asyncio.Future[None]] = set()
        self.task = asyncio.create_task(self._read(produce))
        self.task.add_done_callback(self._finish)

    async def reply(self) -> AgentReply:
        """The head, with chunks of its own reader."""
        self._enter()
        try:
            head = await asyncio.shield(self._head)
        except BaseException:
            self._leave()
            raise
        return replace(head, chunks=_Reader(self._chunks(), self._leave))

    def close(self) -> None:
        """Free the spool once nobody reads it."""
        self._keep = 0.0
        if not self._readers:
            self._spool.close()

    def _enter(self) -> None:
        self._readers += 1
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None

    def _leave(self) -> None:
        self._readers -= 1
        if self._readers:
            return
        if not self.over:
            self._alone = asyncio.get_running_loop().call_later(self._keep, self.task.cancel)
        elif not self._keep:
            self._spool.close()

    async def _read(self, produce: Produce) -> None:
        try:
            reply = await produce()
            self._head.set_result(reply)
            try:
                await self._keep_all(reply.chunks)
            finally:
                await close_chunks(reply.chunks)
        except DoorwardError as error:
            self._problem = error
        except OSError:  # the spool's disk is full
            self._problem = AgentFailed("The agent's answer could not be kept.", code="response_not_kept")
            log.exception("answer_not_kept")

    async def _keep_all(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            self._spool.seek(0, 2)
            self._spool.write(chunk)
            self.size += len(chunk)
            self._wake()

    def _finish(self, task: asyncio.Task[None]) -> None:
        """INVARIANT: an answer without a problem was read to its end; also one whose task never began is over."""
        self.over = True
        if task.cancelled():
            self._problem = AgentFailed("The session was stopped.", code="session_stopped")
        elif (error := task.exception()) is not None:
            self._problem = AgentFailed("The agent failed.")
            log.error("answer_failed", exc_info=error)
        if self._alone is not None:
            self._alone.cancel()
        if not self._head.done():
            self._head.set_exception(self._problem or AgentFailed("The agent failed."))
            self._head.exception()  # seen: its caller may have gone
        self._wake()
        self._on_end()

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        position = 0
        while True:
            if position < self.size:
                self._spool.seek(position)
                chunk = self._spool.read(READ_BYTES)
                position += len(chunk)
                yield chunk
            elif self.over:
                break
            else:
                await self._more()
        if self._problem is not None:
            raise self._problem

    async def _more(self) -> None:
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._news.add(news)
        try:
            await news
        finally:
            self._news.discard(news)

    def _wake(self) -> None:
        for news in self._news:
            if not news.done():
                news.set_result(None)


class _Reader(AsyncIterator[bytes]):
    """Chunks that say, once, when their reader has come to the end or gone away, also one that never read."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], leave: Callable[[], None]) -> None:
        self._chunks = chunks
        self._leave: Callable[[], None] | None = leave

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except BaseException:
            self._left()
            raise

    async def aclose(self) -> None:
        """Go away. May be said twice."""
        await self._chunks.aclose()
        self._left()

    def _left(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
