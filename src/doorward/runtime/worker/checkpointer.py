"""LangGraph's checkpoints as one blob per session, loaded before a run and saved after it.

The LangGraph adapter uses it. During a run everything is in memory; `opened` fetches the session's state from the
runtime and `saved` brings it back, so a turn costs one read and one write. A run that fails or is cancelled saves
nothing: the agent's memory is as it was before, never in the middle of a tool call.
"""

import io
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.memory import InMemorySaver
from msgspec import Struct

from doorward.runtime.wire import INVOCATION_HEADER, MAX_STATE_BYTES, STATE

Typed = tuple[str, bytes]


class StateUnavailable(Exception):
    """The session's state could not be loaded or saved."""


class _Checkpoint(Struct, frozen=True, array_like=True):
    namespace: str
    id: str
    checkpoint: Typed
    metadata: Typed
    parent: str | None


class _Write(Struct, frozen=True, array_like=True):
    namespace: str
    checkpoint_id: str
    index: int
    task_id: str
    channel: str
    value: Typed
    path: str


class _Blob(Struct, frozen=True, array_like=True):
    namespace: str
    channel: str
    version: str | int | float
    value: Typed


class _State(Struct, frozen=True, kw_only=True, array_like=True):
    """What is kept of a session, in msgpack. A change of its shape needs a new `format`."""

    format: int
    checkpoints: list[_Checkpoint]
    writes: list[_Write]
    blobs: list[_Blob]


_decoder = msgspec.msgpack.Decoder(_State)
_memory: ContextVar[InMemorySaver] = ContextVar("doorward_memory")


def restored(state: bytes | None, thread: str) -> InMemorySaver:
    """The saver of a run, filled with what an earlier run kept."""
    memory = InMemorySaver()
    if state is None:
        return memory
    kept = _decoder.decode(state)
    for one in kept.checkpoints:
        memory.storage[thread][one.namespace][one.id] = (one.checkpoint, one.metadata, one.parent)
    for write in kept.writes:
        entry = (write.task_id, write.channel, write.value, write.path)
        memory.writes[thread, write.namespace, write.checkpoint_id][write.task_id, write.index] = entry
    for blob in kept.blobs:
        memory.blobs[thread, blob.namespace, blob.channel, blob.version] = blob.value
    return memory


def kept(memory: InMemorySaver, thread: str) -> bytes:
    """The newest checkpoint of each namespace with its pending writes, and what it needs to be read."""
    checkpoints = [
        _Checkpoint(namespace, one, *memory.storage[thread][namespace][one])
        for namespace in _namespaces(memory, thread)
        for one in _needed(memory, thread, namespace)
    ]
    alive = {(one.namespace, one.id) for one in checkpoints}
    versions = {
        (one.namespace, channel, version)
        for one in checkpoints
        for channel, version in memory.serde.loads_typed(one.checkpoint)["channel_versions"].items()
    }
    writes = [
        _Write(namespace, checkpoint_id, index, *entry)
        for (_, namespace, checkpoint_id), entries in memory.writes.items()
        if (namespace, checkpoint_id) in alive
        for (_, index), entry in entries.items()
    ]
    blobs = [
        _Blob(namespace, channel, version, value)
        for (_, namespace, channel, version), value in memory.blobs.items()
        if (namespace, channel, version) in versions
    ]
    return msgspec.msgpack.encode(_State(format=1, checkpoints=checkpoints, writes=writes, blobs=blobs))


def _namespaces(memory: InMemorySaver, thread: str) -> list[str]:
    """All of them while the graph is in the middle of something (pending writes: an interrupt); else without those of
    subgraph calls, whose names carry the id of a task that is done."""
    found = [namespace for namespace, checkpoints in memory.storage[thread].items() if checkpoints]
    root = memory.storage[thread].get("", {})
    pending = bool(root) and bool(memory.writes.get((thread, "", max(root))))
    return [namespace for namespace in found if pending or ":" not in namespace]


def _needed(memory: InMemorySaver, thread: str, namespace: str) -> list[str]:
    """The newest checkpoint; its ancestors too while a delta channel is rebuilt from their writes (LangGraph keeps the
    count in the metadata)."""
    checkpoints = memory.storage[thread][namespace]
    newest = max(checkpoints)
    if "counters_since_delta_snapshot" in memory.serde.loads_typed(checkpoints[newest][1]):
        return list(checkpoints)
    return [newest]


class SessionCheckpointer(BaseCheckpointSaver[str]):
    """What graphs are given. Every method works on the memory of the run that calls it."""

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return _memory.get().get_tuple(config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return _memory.get().get_tuple(config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  # LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        return _memory.get().list(config, filter=filter, before=before, limit=limit)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  # LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        for one in _memory.get().list(config, filter=filter, before=before, limit=limit):
            yield one

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return _memory.get().put(config, checkpoint, metadata, new_versions)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return _memory.get().put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        _memory.get().put_writes(config, writes, task_id, task_path)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        _memory.get().put_writes(config, writes, task_id, task_path)

    def delete_thread(self, thread_id: str) -> None:
        _memory.get().delete_thread(thread_id)

    async def adelete_thread(self, thread_id: str) -> None:
        _memory.get().delete_thread(thread_id)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return _memory.get().get_delta_channel_history(config=config, channels=channels)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return _memory.get().get_delta_channel_history(config=config, channels=channels)

    def get_next_version(self, current: str | None, channel: None) -> str:
        return InMemorySaver.get_next_version(self, current, channel)  # type: ignore[arg-type]


class SessionState:
    """The way to the runtime's state service. One per worker; makes its connection with the first use."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def turn(self, handle: str, thread: str) -> AsyncIterator[None]:
        """Load the session's state for the graph that runs inside, and save it if that ends well."""
        before = await self._load(handle)
        memory = restored(before, thread)
        token = _memory.set(memory)
        try:
            yield
        finally:
            _memory.reset(token)
        after = kept(memory, thread)
        if after != before:
            await self._save(handle, after)

    def _exchange(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.UnixConnector(path=self._socket_path, limit=0, keepalive_timeout=300)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session

    async def _load(self, handle: str) -> bytes | None:
        try:
            async with self._exchange().get(f"http://runtime{STATE}", headers={INVOCATION_HEADER: handle}) as response:
                body = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise StateUnavailable("the state service cannot be reached") from error
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        if response.status != HTTPStatus.OK:
            raise StateUnavailable(f"the state could not be loaded: {response.status}")
        return body

    async def _save(self, handle: str, state: bytes) -> None:
        if len(state) > MAX_STATE_BYTES:
            raise StateUnavailable("the state is larger than 16 MiB")
        headers = {INVOCATION_HEADER: handle, "content-type": "application/octet-stream"}
        try:
            async with self._exchange().put(
                f"http://runtime{STATE}", headers=headers, data=io.BytesIO(state)
            ) as response:
                status = response.status
        except (aiohttp.ClientError, OSError) as error:
            raise StateUnavailable("the state service cannot be reached") from error
        if status != HTTPStatus.NO_CONTENT:
            raise StateUnavailable(f"the state could not be saved: {status}")
