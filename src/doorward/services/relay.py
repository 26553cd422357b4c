"""The chat of the pattern `two-doors`: one question, one answer, nothing stored. Called by the front door's handler.

The user's token stays at the front door: the agent door is knocked at with the service's own key and a turn token.
"""

import asyncio

from msgspec import Struct

from doorward.errors import DoorwardError
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.services import Answer
from doorward.services.caps import Caps
from doorward.services.chat.decode import Answer as DecodedAnswer
from doorward.services.chat.decode import AnswerDecoder
from doorward.services.chat.failures import NEVER_RAN, UNCHARGED, Failure, failure_of
from doorward.services.identifiers import session_id_or_new, sortable_id
from doorward.services.invocation import Errand, Invoker, hang_up
from doorward.services.metering import Bill, Meter


class RelayOptions(Struct, frozen=True, kw_only=True):
    """`timeout` is in seconds, `max_answer_bytes` in bytes of the agent's answer."""

    agent_arn: str
    timeout: float
    max_answer_bytes: int
    caps: Caps | None = None


class RelayService:
    """Fulfils `ports.services.Relay`. The `meter` sets aside what a call may cost before the agent is asked."""

    def __init__(self, invoker: Invoker, meter: Meter, options: RelayOptions, clock: Clock) -> None:
        self._invoker = invoker
        self._meter = meter
        self._options = options
        self._clock = clock

    async def send(self, user: User, message: str, session_id: str | None, request_id: str) -> Answer:
        errand = Errand(
            user=user,
            agent=self._options.agent_arn,
            session_id=session_id_or_new(session_id),
            turn_id=sortable_id(self._clock()),
            payload={"prompt": message},
            request_id=request_id,
        )
        async with self._meter.metered(user) as bill:
            answer = await self._answer(errand, bill)
            if answer.failure is not None:
                bill.unsure = answer.failure.code not in UNCHARGED
                raise answer.failure.error()
            bill.unsure = False
        return Answer(
            response=str(answer.text), session_id=errand.session_id, turn_id=errand.turn_id, usage=answer.usage
        )

    async def _answer(self, errand: Errand, bill: Bill) -> DecodedAnswer:
        try:
            async with asyncio.timeout(self._options.timeout):
                return await self._ask(errand, bill)
        except TimeoutError:
            raise Failure("agent_timeout").error() from None
        except DoorwardError as error:
            # What the agent door says to us is not what the user is to hear: its refusal is not theirs.
            raise failure_of(error).error() from error

    async def _ask(self, errand: Errand, bill: Bill) -> DecodedAnswer:
        try:
            reply = await self._invoker.invoke(errand)
        except DoorwardError as error:
            bill.unsure = failure_of(error).code not in NEVER_RAN | UNCHARGED
            raise
        options = self._options
        decoder = AnswerDecoder(
            reply.content_type, errand.turn_id, max_bytes=options.max_answer_bytes, caps=options.caps
        )
        try:
            async for chunk in reply.chunks:
                decoder.feed(chunk)
                if decoder.answer.failure is not None:
                    return decoder.answer
            decoder.close()
        finally:
            await hang_up(reply.chunks)
            bill.usage = decoder.answer.usage
        return decoder.answer
