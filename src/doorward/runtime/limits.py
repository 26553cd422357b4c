"""What the settings hold a worker to. Whoever starts a worker passes it on."""

from doorward.model.settings import AgentSettings
from doorward.runtime.wire import ModelLimits, WorkerLimits


def limits_of(settings: AgentSettings) -> WorkerLimits:
    """The limits of a worker of this agent."""
    return WorkerLimits(
        model=ModelLimits(
            attempts=settings.model_attempts,
            deadline=settings.model_deadline,
            stall_timeout=settings.model_stall_timeout,
            max_characters=settings.model_max_characters,
        ),
        turn_steps=settings.turn_steps,
        tool_timeout=settings.tool_timeout,
        tool_max_characters=settings.tool_max_characters,
    )
