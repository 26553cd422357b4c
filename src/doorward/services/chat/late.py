"""Ends of turns: written at once, without an answer that the store never takes, or once the store can write again.
Used by the chat service."""

import asyncio

import structlog
from msgspec.structs import replace

from doorward.errors import DoorwardError, StoreUnavailable, TextRefused
from doorward.model.chat import MessageStatus, TurnEvent, TurnResult, TurnStatus
from doorward.ports.conversations import TurnStore
from doorward.services.chat import agui
from doorward.services.chat.failures import Failure

log = structlog.get_logger()

# Seconds before each further try to close the log of a turn that the store refused (a full disk is emptied, say).
RETRIES = (0.05, 0.2, 1.0, 5.0, *(30.0,) * 20)


async def finish(turns: TurnStore, result: TurnResult) -> TurnResult:
    """End the turn; as what it has ended. A completed one whose answer the store never takes has failed."""
    try:
        await turns.finish(result)
    except TextRefused as refused:
        log.warning("answer_not_kept", turn=result.turn_id, code=refused.code)
        result = _without_answer(result)
        await turns.finish(result)
    return result


async def finish_later(turns: TurnStore, result: TurnResult) -> bool:
    """Try until it is written, can never be, or the tries are used up: whether it was written. Never raises."""
    for delay in RETRIES:
        await asyncio.sleep(delay)
        try:
            await finish(turns, result)
        except StoreUnavailable:
            continue
        except DoorwardError as error:  # it was deleted meanwhile, or can never be written
            log.warning("turn_left_open", turn=result.turn_id, code=error.code)
            return False
        log.info("turn_closed_late", turn=result.turn_id)
        return True
    log.error("turn_left_open", turn=result.turn_id)
    return False


def _without_answer(result: TurnResult) -> TurnResult:
    """One that came to its end has failed then, and so says its log; another stays what it was."""
    if result.status is not TurnStatus.COMPLETED:
        return replace(result, content="")
    failure = Failure("store_unavailable")
    closing = agui.failed(failure.code, failure.sentence)
    return replace(
        result,
        content="",
        events=(*result.events[:-1], *(TurnEvent(last.sequence, closing) for last in result.events[-1:])),
        status=TurnStatus.FAILED,
        message_status=MessageStatus.FAILED,
        error_code=failure.code,
    )
