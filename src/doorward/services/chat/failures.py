"""Why a turn ended badly: stable codes with the sentence that a user may read. Used by the chat and relay services.

INVARIANT: the text of an agent's own exception never reaches a user, a log or the store; only a sentence of this list.
"""

from msgspec import Struct

from doorward.errors import (
    AgentFailed,
    AgentTimeout,
    AgentUnreachable,
    Conflict,
    DoorwardError,
    Forbidden,
    NotFound,
    StoreUnavailable,
    TooManyRequests,
)
from doorward.model.agent import FROM_AGENT

SENTENCES = {
    "agent_failed": "The agent reported an error.",
    "agent_garbled": "The agent's answer could not be read.",
    "agent_answer_too_large": "The agent's answer was too large.",
    "agent_busy": "The agent is busy. Try again in a moment.",
    "agent_refused": "The agent's door refused the call.",
    "agent_timeout": "The agent did not answer in time.",
    "agent_stopped": "The agent was stopped by those who run it.",
    "agent_unreachable": "The agent could not be reached.",
    "model_answer_too_large": "The model's answer was too large.",
    "model_failed": "The model reported an error.",
    "model_garbled": "The model's answer could not be read.",
    "model_timeout": "The model did not answer in time.",
    "model_unavailable": "The model could not be reached.",
    "turn_cost_exceeded": "The turn cost more than a turn may.",
    "turn_steps_exceeded": "The turn took more steps than a turn may.",
    "turn_cancelled": "The turn was cancelled.",
    "turn_stopped": "An operator stopped this turn.",
    "turn_superseded": "A newer message took the place of this turn.",
    "turn_interrupted": "The turn was interrupted by a restart of the service.",
    "store_unavailable": "The answer could not be stored.",
    "internal_error": "Something went wrong on our side.",
}

_MEANINGS: tuple[tuple[type[DoorwardError], str], ...] = (
    (AgentTimeout, "agent_timeout"),
    (AgentUnreachable, "agent_unreachable"),
    (Forbidden, "agent_refused"),
    (Conflict, "agent_busy"),
    (TooManyRequests, "agent_busy"),
    (StoreUnavailable, "store_unavailable"),
)
# Without a first byte of an answer, these mean that no agent ran.
NEVER_RAN = frozenset({"agent_refused", "agent_busy", "agent_unreachable", "agent_stopped"})
CAPPED = frozenset({"turn_cost_exceeded", "turn_steps_exceeded"})
# There was no output, so the provider charges nothing beyond what was reported.
UNCHARGED = frozenset({"model_unavailable"})


class Failure(Struct, frozen=True):
    """One of the codes of `SENTENCES`."""

    code: str

    @property
    def sentence(self) -> str:
        """What the user reads."""
        return SENTENCES.get(self.code, SENTENCES["agent_failed"])

    def error(self) -> DoorwardError:
        """The error that a waiting caller gets."""
        kinds: dict[str, type[DoorwardError]] = {
            "agent_busy": Conflict,
            "agent_timeout": AgentTimeout,
            "model_timeout": AgentTimeout,
            "agent_unreachable": AgentUnreachable,
            "agent_stopped": AgentUnreachable,
            "turn_cancelled": Conflict,
            "turn_superseded": Conflict,
            "turn_stopped": Conflict,
            "store_unavailable": StoreUnavailable,
            "internal_error": DoorwardError,
        }
        return kinds.get(self.code, AgentFailed)(self.sentence, code=self.code)


def failure_of(error: DoorwardError) -> Failure:
    """What an error of the way to the agent, or of the store, means for the turn."""
    if isinstance(error, NotFound) and error.code == "turn_not_kept":
        return Failure("turn_interrupted")
    if (isinstance(error, AgentFailed) and error.code in FROM_AGENT) or error.code == "agent_stopped":
        return Failure(error.code)
    return Failure(next((code for kind, code in _MEANINGS if isinstance(error, kind)), "agent_failed"))


def failure_from_agent(code: object) -> Failure:
    """What the agent says about itself counts only when it is one of the codes that are its own to say."""
    return Failure(code if isinstance(code, str) and code in FROM_AGENT else "agent_failed")
