"""Guards a LangChain chat model: bounded attempts with jitter, time caps, a cap on output, and the shared breaker.

`models.py` puts it around every model that it makes, so an agent has it without a change of its own. It works on the
four methods in which an integration does its calls, whatever the agent binds to the model or wraps around it.

INVARIANT: no attempt follows one that had any output, so nothing is said, or charged, twice.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

from doorward.runtime.wire import ModelLimits
from doorward.runtime.worker.breaker_call import BreakerCall, beside
from doorward.runtime.worker.model_trouble import (
    FAILED,
    GARBLED,
    TOO_LARGE,
    UNAVAILABLE,
    Diagnosis,
    ModelTrouble,
    diagnosis_of,
    pause_before,
)

# An integration's `_generate` may stream inside: that is one call, guarded once.
_inside: ContextVar[bool] = ContextVar("doorward_model_call", default=False)


def guarded(model: Any, limits: ModelLimits, breaker: BreakerCall) -> Any:  # noqa: ANN401  # would import LangChain
    """The same model, guarded. Its class becomes a subclass of its own: what it is asked for stays as it was."""
    kind = type(model)
    base = next(one for one in kind.__mro__ if one.__name__ == "BaseChatModel")
    # Only what the integration does itself: whatever it leaves to LangChain's base ends in one of these.
    names = [name for name in _METHODS if getattr(kind, name) is not getattr(base, name, None)]
    methods = {name: _METHODS[name](getattr(kind, name), limits, breaker) for name in names}
    object.__setattr__(model, "__class__", type(kind.__name__, (kind,), {"__module__": kind.__module__, **methods}))
    return model


class _Call:
    """One call of the model with all its attempts. Decides; the methods below do."""

    def __init__(self, limits: ModelLimits, breaker: BreakerCall) -> None:
        self._limits = limits
        self._breaker = breaker
        self._ends_at = time.monotonic() + limits.deadline
        self._attempt = 0
        self._characters = 0
        self._held: list[Any] = []
        self._watched = False
        self.begun = False

    def admit(self) -> None:
        """Ask the breaker. Raises `ModelTrouble` (``model_unavailable``) at once while it is open."""
        permit = self._breaker.ask()
        if not permit.go:
            raise ModelTrouble(UNAVAILABLE)
        self._watched = permit.watched

    @property
    def patience(self) -> float:
        """Seconds in which the next output must come."""
        if self.begun:
            return self._limits.stall_timeout
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def untold(self) -> bool:
        """Whether somebody is to be told that the model answers (`tell`)."""
        return self.begun and self._watched

    def tell(self) -> None:
        """Tell the breaker, which watches, that the model answers."""
        self._watched = False
        self._breaker.report()

    def release(self, piece: Any) -> list[Any]:  # noqa: ANN401  # a LangChain chunk
        """The pieces that may be passed on: none before there is output, so that until then it can be tried again."""
        self.count(piece.message)
        self._held.append(piece)
        self.begun = self.begun or _has_output(piece.message)
        return self.rest() if self.begun else []

    def rest(self) -> list[Any]:
        """All that was held back."""
        held, self._held = self._held, []
        return held

    def end(self) -> list[Any]:
        """The stream ended: what was held back. Raises `ModelTrouble` when there was not a single piece: HTML, an
        empty body, lines that are no events."""
        if not self.begun and not self._held:
            raise ModelTrouble(GARBLED)
        self.begun = True
        return self.rest()

    def whole(self, result: Any) -> None:  # noqa: ANN401  # a LangChain result
        """An answer in one piece."""
        for generation in result.generations:
            self.count(generation.message)
        self.begun = True

    def count(self, message: Any) -> None:  # noqa: ANN401  # a message
        """Add up what came. Raises `ModelTrouble` (``model_answer_too_large``)."""
        self._characters += len(str(message.content)) if not isinstance(message.content, str) else len(message.content)
        self._characters += sum(len(part["args"] or "") for part in getattr(message, "tool_call_chunks", ()))
        if self._characters > self._limits.max_characters:
            raise ModelTrouble(TOO_LARGE)

    def pause(self, error: Exception) -> float:
        """Seconds to wait before the next attempt. Raises `ModelTrouble` when there is none: this was the last, there
        was output, there is no time left, or another would not help."""
        if isinstance(error, ModelTrouble) and error.code != GARBLED:
            raise error
        found = Diagnosis(GARBLED) if isinstance(error, ModelTrouble) else diagnosis_of(error)
        self._held.clear()
        self._breaker.report(found.code)
        self._attempt += 1
        pause = pause_before(self._attempt, found.wait)
        late = time.monotonic() + pause >= self._ends_at
        if self.begun or not found.again or late or self._attempt >= self._limits.attempts:
            # Once there was output, it is no matter of reaching the model any more: what was said has its price.
            raise ModelTrouble(FAILED if self.begun and found.code == UNAVAILABLE else found.code) from error
        return pause


async def _apause(call: _Call, error: Exception) -> None:
    await asyncio.sleep(await beside(call.pause, error))


def _astream(original: Any, limits: ModelLimits, breaker: BreakerCall) -> Any:  # noqa: ANN401  # a method
    async def _astream(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        if _inside.get():
            async for piece in original(self, *args, **kwargs):
                yield piece
            return
        call = _Call(limits, breaker)
        while True:
            await beside(call.admit)
            try:
                async with aclosing(_released(call, original(self, *args, **kwargs))) as pieces:
                    async for piece in pieces:
                        yield piece
            except Exception as error:  # noqa: BLE001  # a provider may raise anything
                await _apause(call, error)
            else:
                return

    return _astream


async def _released(call: _Call, stream: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """What may be passed on, each piece in its time. The provider's stream is closed however this ends."""
    try:
        while True:
            try:
                async with asyncio.timeout(call.patience):
                    piece = await anext(stream)
            except StopAsyncIteration:
                break
            for one in call.release(piece):
                yield one
            if call.untold:
                await beside(call.tell)
        for one in call.end():
            yield one
        if call.untold:
            await beside(call.tell)
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def _stream(original: Any, limits: ModelLimits, breaker: BreakerCall) -> Any:  # noqa: ANN401  # a method
    def _stream(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401
        if _inside.get():
            yield from original(self, *args, **kwargs)
            return
        call = _Call(limits, breaker)
        while True:
            call.admit()
            try:
                for piece in original(self, *args, **kwargs):
                    yield from call.release(piece)
                    if call.untold:
                        call.tell()
                yield from call.end()
                if call.untold:
                    call.tell()
            except Exception as error:  # noqa: BLE001  # a provider may raise anything
                time.sleep(call.pause(error))
            else:
                return

    return _stream


def _agenerate(original: Any, limits: ModelLimits, breaker: BreakerCall) -> Any:  # noqa: ANN401  # a method
    async def _agenerate(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        call = _Call(limits, breaker)
        while True:
            await beside(call.admit)
            token = _inside.set(True)
            try:
                async with asyncio.timeout(call.patience):
                    result = await original(self, *args, **kwargs)
                call.whole(result)
            except Exception as error:  # noqa: BLE001  # a provider may raise anything
                await _apause(call, error)
            else:
                if call.untold:
                    await beside(call.tell)
                return result
            finally:
                _inside.reset(token)

    return _agenerate


def _generate(original: Any, limits: ModelLimits, breaker: BreakerCall) -> Any:  # noqa: ANN401  # a method
    def _generate(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if _inside.get():
            return original(self, *args, **kwargs)
        call = _Call(limits, breaker)
        while True:
            call.admit()
            token = _inside.set(True)
            try:
                result = original(self, *args, **kwargs)
                call.whole(result)
            except Exception as error:  # noqa: BLE001  # a provider may raise anything
                time.sleep(call.pause(error))
            else:
                if call.untold:
                    call.tell()
                return result
            finally:
                _inside.reset(token)

    return _generate


def _has_output(message: Any) -> bool:  # noqa: ANN401  # a message
    return bool(message.content or getattr(message, "tool_call_chunks", None))


_METHODS = {"_astream": _astream, "_stream": _stream, "_agenerate": _agenerate, "_generate": _generate}
