"""The chat of the pattern `two-doors`: one question, one answer, nothing stored. Called by the front door's handler.

The user's token stays at the front door: the agent door is knocked at with the service's own key and a turn token.
"""

import asyncio

from doorward.errors import DoorwardError
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.services import Answer
from doorward.services.chat.decode import AnswerDecoder
from doorward.services.chat.failures import Failure, failure_of
from doorward.services.identifiers import session_id_or_new, sortable_id
from doorward.services.invocation import Errand, Invoker, hang_up


class RelayService:
    """Fulfils `ports.services.Relay`. `timeout` is in seconds, `max_answer_bytes` in bytes of the agent's answer."""

    def __init__(
        self, invoker: Invoker, *, agent_arn: str, timeout: float, max_answer_bytes: int, clock: Clock
    ) -> None:
        self._invoker = invoker
        self._arn = agent_arn
        self._timeout = timeout
        self._max_answer_bytes = max_answer_bytes
        self._clock = clock

    async def send(self, user: User, message: str, session_id: str | None, request_id: str) -> Answer:
        errand = Errand(
            user=user,
            agent=self._arn,
            session_id=session_id_or_new(session_id),
            turn_id=sortable_id(self._clock()),
            payload={"prompt": message},
            request_id=request_id,
        )
        try:
            async with asyncio.timeout(self._timeout):
                decoder = await self._ask(errand)
        except TimeoutError:
            raise Failure("agent_timeout").error() from None
        except DoorwardError as error:
            # What the agent door says to us is not what the user is to hear: its refusal is not theirs.
            raise failure_of(error).error() from error
        if decoder.answer.failure is not None:
            raise decoder.answer.failure.error()
        return Answer(
            response=str(decoder.answer.text),
            session_id=errand.session_id,
            turn_id=errand.turn_id,
            usage=decoder.answer.usage,
        )

    async def _ask(self, errand: Errand) -> AnswerDecoder:
        reply = await self._invoker.invoke(errand)
        decoder = AnswerDecoder(reply.content_type, errand.turn_id, max_bytes=self._max_answer_bytes)
        try:
            async for chunk in reply.chunks:
                decoder.feed(chunk)
                if decoder.answer.failure is not None:
                    return decoder
        finally:
            await hang_up(reply.chunks)
        decoder.close()
        return decoder
