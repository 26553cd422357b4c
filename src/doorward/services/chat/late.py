"""Ends that the store refused, written once it can write again. Used by the chat service."""

import asyncio

import structlog

from doorward.errors import DoorwardError, StoreUnavailable
from doorward.model.chat import TurnResult
from doorward.ports.conversations import TurnStore

log = structlog.get_logger()

# Seconds before each further try to close the log of a turn that the store refused (a full disk is emptied, say).
RETRIES = (0.05, 0.2, 1.0, 5.0, *(30.0,) * 20)


async def finish_later(turns: TurnStore, result: TurnResult) -> bool:
    """Try until it is written, can never be, or the tries are used up: whether it was written. Never raises."""
    for delay in RETRIES:
        await asyncio.sleep(delay)
        try:
            await turns.finish(result)
        except StoreUnavailable:
            continue
        except DoorwardError as error:  # it was deleted meanwhile, or can never be written
            log.warning("turn_left_open", turn=result.turn_id, code=error.code)
            return False
        log.info("turn_closed_late", turn=result.turn_id)
        return True
    log.error("turn_left_open", turn=result.turn_id)
    return False
