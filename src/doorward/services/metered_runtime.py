"""A runtime in front of another that charges whoever knocks at the agent door for themselves: users with their token
(patterns `direct` and `front-door`), and programs with a workload key of their own.

It stands behind the agent door, so a front door that is walked around does not save a budget. A turn of our own chat
service passes: that service has set aside for it already.
"""

from doorward.errors import DoorwardError
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.chunks import close_chunks
from doorward.model.principals import Principal, TurnIdentity, User, Workload
from doorward.ports.agent import Runtime
from doorward.services.caps import Caps
from doorward.services.chat import agui
from doorward.services.chat.decode import AnswerDecoder
from doorward.services.chat.failures import CAPPED, NEVER_RAN, UNCHARGED, failure_of
from doorward.services.metering import Bill, Meter


class MeteredRuntime:
    """Fulfils `ports.agent.Runtime`. `max_answer_bytes` bounds what of an answer is looked at; one that goes on beyond
    `caps` ends there, with an error event where it is a stream."""

    def __init__(self, runtime: Runtime, meter: Meter, caps: Caps, *, max_answer_bytes: int) -> None:
        self._runtime = runtime
        self._meter = meter
        self._caps = caps
        self._max_answer_bytes = max_answer_bytes

    async def run(self, agent: str, caller: Principal, call: AgentCall) -> AgentReply:
        if isinstance(caller, TurnIdentity):
            return await self._runtime.run(agent, caller, call)
        charge = _Charge(self._meter, await self._meter.turn(caller), caller)
        try:
            reply = await self._runtime.run(agent, caller, call)
        except DoorwardError as error:
            await charge.settle(unsure=failure_of(error).code not in NEVER_RAN | UNCHARGED)
            raise
        except BaseException:
            await charge.settle(unsure=True)
            raise
        decoder = AnswerDecoder(reply.content_type, "answer", max_bytes=self._max_answer_bytes, caps=self._caps)
        return AgentReply(
            status=reply.status,
            content_type=reply.content_type,
            session_id=reply.session_id,
            chunks=_MeteredChunks(reply, decoder, charge),
        )

    async def resume(self, agent: str, caller: Principal, session_id: str) -> AgentReply:
        return await self._runtime.resume(agent, caller, session_id)  # nothing runs, so nothing is charged

    async def stop(self, agent: str, caller: Principal, session_id: str) -> bool:
        return await self._runtime.stop(agent, caller, session_id)

    async def forget(self, agent: str, caller: Principal, session_id: str) -> None:
        await self._runtime.forget(agent, caller, session_id)

    async def ready(self) -> bool:
        return await self._runtime.ready()


class _Charge:
    """What one call has set aside, settled once."""

    def __init__(self, meter: Meter, charge_id: str, payer: User | Workload) -> None:
        self._meter = meter
        self._id = charge_id
        self._payer = payer
        self._open = True
        self.bill = Bill()

    async def settle(self, *, unsure: bool) -> None:
        if self._open:
            self._open = False
            self.bill.unsure = unsure
            await self._meter.settle(self._id, self._payer, self.bill)


class _MeteredChunks:
    """An answer as it passes, read for what the model reported. Settled before its end is told."""

    def __init__(self, reply: AgentReply, decoder: AnswerDecoder, charge: _Charge) -> None:
        self._chunks = reply.chunks
        self._streams = reply.content_type.startswith("text/event-stream")
        self._decoder = decoder
        self._charge = charge
        self._ended = False

    def __aiter__(self) -> "_MeteredChunks":
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._decoder.close()
            failure = self._decoder.answer.failure
            await self._settle(unsure=failure is not None and failure.code not in UNCHARGED)
            raise
        except BaseException:
            await self._settle(unsure=True)
            raise
        self._decoder.feed(chunk)
        failure = self._decoder.answer.failure
        if failure is None or failure.code not in CAPPED:
            return chunk
        await self.aclose()
        if not self._streams:
            raise failure.error()
        self._ended = True
        return chunk + b"data: %b\n\n" % agui.failed(failure.code, failure.sentence)

    async def aclose(self) -> None:
        """Hang up."""
        try:
            await close_chunks(self._chunks)
        finally:
            await self._settle(unsure=True)

    async def _settle(self, *, unsure: bool) -> None:
        self._charge.bill.usage = self._decoder.answer.usage
        await self._charge.settle(unsure=unsure)
