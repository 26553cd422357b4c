"""The rehearsal model: a LangChain chat model made of fixed rules. It is no language model, and its metadata says so.

It lets agents, streams, tools and memory be tried without a key. `doorward.runtime.worker.models` makes it; the rules
are in `rehearsal_rules`.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from doorward.runtime.worker.rehearsal_rules import Reply, Spoken, ToolResult, answer_to, pieces_of

NOTICE = "Answered by fixed rules for rehearsal; no language model was used."
METADATA = {"model_name": "rehearsal", "model_provider": "doorward", "notice": NOTICE}
STEP_SECONDS = 0.05


class RehearsalFailure(Exception):
    """The failure that a prompt asked for (``please fail``)."""


class RehearsalChatModel(BaseChatModel):
    """Deterministic: the same messages and tools give the same answer, word by word."""

    @property
    def _llm_type(self) -> str:
        return "rehearsal"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,  # noqa: ARG002  # the rules choose
        **kwargs: Any,  # noqa: ANN401  # LangChain's signature
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401  # LangChain's signature
    ) -> ChatResult:
        whole: ChatGenerationChunk | None = None
        for chunk in self._stream(messages, stop, run_manager, **kwargs):
            whole = chunk if whole is None else whole + chunk
        if whole is None:
            raise RehearsalFailure("there was nothing to answer")
        message = AIMessage(
            content=whole.message.content,
            tool_calls=getattr(whole.message, "tool_calls", []),
            usage_metadata=getattr(whole.message, "usage_metadata", None),
            response_metadata=METADATA,
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002  # rules need no stop words
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  # the base class reports chunks
        **kwargs: Any,  # noqa: ANN401  # LangChain's signature
    ) -> Iterator[ChatGenerationChunk]:
        reply = _reply(messages, kwargs.get("tools", []))
        for _ in range(_steps(reply)):
            time.sleep(STEP_SECONDS)
        yield from _chunks(reply, messages)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002  # rules need no stop words
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002  # the base class reports chunks
        **kwargs: Any,  # noqa: ANN401  # LangChain's signature
    ) -> AsyncIterator[ChatGenerationChunk]:
        reply = _reply(messages, kwargs.get("tools", []))
        for _ in range(_steps(reply)):
            await asyncio.sleep(STEP_SECONDS)
        for chunk in _chunks(reply, messages):
            yield chunk
            # As with a real model, other runs go on between two words.
            await asyncio.sleep(0)


def _reply(messages: list[BaseMessage], tools: list[dict[str, Any]]) -> Reply:
    reply = answer_to(_spoken(messages), [tool["function"] for tool in tools])
    if reply.failure:
        raise RehearsalFailure(reply.failure)
    return reply


def _steps(reply: Reply) -> int:
    return round(reply.wait / STEP_SECONDS)


def _spoken(messages: list[BaseMessage]) -> list[Spoken]:
    """The messages as the rules see them: who said what, and the results of the last tool calls."""
    spoken: list[Spoken] = []
    for message in messages:
        if isinstance(message, HumanMessage):
            spoken.append(Spoken(who="user", text=str(message.text)))
        elif isinstance(message, ToolMessage):
            result = ToolResult(name=message.name or "tool", text=str(message.text), failed=message.status == "error")
            spoken.append(Spoken(who="tool", text=result.text, result=result))
        elif isinstance(message, AIMessage):
            spoken.append(Spoken(who="assistant", text=str(message.text)))
    return spoken


def _chunks(reply: Reply, messages: list[BaseMessage]) -> Iterator[ChatGenerationChunk]:
    words = 0
    for piece in pieces_of(reply):
        words += 1
        yield _chunk(content=piece)
    for index, call in enumerate(reply.calls):
        arguments = json.dumps(call.arguments)
        words += len(arguments.split())
        part = tool_call_chunk(name=call.name, args=arguments, id=f"call_{uuid.uuid4().hex[:12]}", index=index)
        yield _chunk(content="", tool_call_chunks=[part])
    asked = sum(len(str(message.text).split()) for message in messages)
    spent = {"input_tokens": asked, "output_tokens": words, "total_tokens": asked + words}
    yield _chunk(content="", usage_metadata=spent, response_metadata=METADATA, chunk_position="last")


def _chunk(**fields: object) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk.model_validate(fields))
