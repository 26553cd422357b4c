"""Checkpoints in AgentCore Memory under names that tell whose they are. The agent's container has hosted graphs use it.

AgentCore's own saver keeps each namespace (each subgraph) in a session whose name is a digest: whoever erases a
conversation could not find it again. Here its name begins with that of the conversation.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph_checkpoint_aws import AgentCoreMemorySaver, PendingWrite

# The longest name of a session that AgentCore Memory takes, and the part of it that stands for a namespace.
_LONGEST = 100
_DIGEST = 32


class NamedMemorySaver(AgentCoreMemorySaver):  # type: ignore[misc]  # a package without types
    """`AgentCoreMemorySaver` whose sessions are `SESSION`, and `SESSION-DIGEST` for each namespace.

    INVARIANT: all that it keeps of a session lies in sessions whose names are, or begin with, the session's id and a
    hyphen; ids of up to 67 characters, and longer ones are kept as AgentCore's saver does.
    """

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = super().get_tuple(self._placed(config))
        return None if found is None else _told(found, config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the base class's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        placed = None if config is None else self._placed(config)
        for found in super().list(placed, filter=filter, before=before, limit=limit):
            yield found if config is None else _told(found, config)

    def put_with_writes(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
        pending_writes: Sequence[PendingWrite],
    ) -> RunnableConfig:
        """Also what `put` does."""
        kept = super().put_with_writes(self._placed(config), checkpoint, metadata, new_versions, pending_writes)
        return _named(kept, config)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        super().put_writes(self._placed(config), writes, task_id, task_path)

    def _placed(self, config: RunnableConfig) -> RunnableConfig:
        """The configuration with the namespace in the session's name."""
        configurable = config.get("configurable", {})
        namespace = configurable.get("checkpoint_ns", "")
        if not namespace:
            return config
        name = f"{configurable['thread_id']}-{hashlib.sha256(namespace.encode()).hexdigest()[:_DIGEST]}"
        if len(name) > _LONGEST:
            return config
        # Reading a subgraph's state, LangGraph leaves the actor out; the saver knows the one that was read for before.
        actor = self._resolve_actor_id(config)
        placed = {**configurable, "thread_id": name, "checkpoint_ns": "", **({"actor_id": actor} if actor else {})}
        return {**config, "configurable": placed}


def _told(found: CheckpointTuple, config: RunnableConfig) -> CheckpointTuple:
    """With the names that LangGraph asked by."""
    parent = found.parent_config
    return found._replace(
        config=_named(found.config, config), parent_config=None if parent is None else _named(parent, config)
    )


def _named(kept: RunnableConfig, config: RunnableConfig) -> RunnableConfig:
    asked, known = config.get("configurable", {}), kept.get("configurable", {})
    names = {"thread_id": asked["thread_id"], "checkpoint_ns": asked.get("checkpoint_ns", "")}
    return {**kept, "configurable": {**known, **names}}
