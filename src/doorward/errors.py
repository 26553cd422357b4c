"""The tree of errors. Each has a stable `code`, an HTTP status and a message that is safe to show to a caller.

    DoorwardError
    ├── ConfigurationError      start-up: the configuration is wrong or unsafe
    ├── InvalidInput            400  the caller sent something that does not fit
    ├── KeyReused               422  an idempotency key came with another body than before
    ├── Unauthenticated         401  nobody, or a token that does not hold
    ├── Forbidden               403  known, but may not
    ├── NotFound                404  not there, or not yours: the same answer
    ├── Conflict                409  clashes with what is there (``turn_active``)
    ├── QuotaExceeded           402  what may be kept is used up; waiting does not help
    ├── TooManyRequests         429  a limit was reached; says when to come back
    ├── AgentFailed             502  the agent was reached and failed
    ├── AgentUnreachable        502  the agent could not be reached
    ├── AgentTimeout            504  the agent did not answer in time
    └── StoreUnavailable        503  nothing was written

`docs/reference/errors.md` lists every code; a test holds the list against the code.
"""

from typing import ClassVar


class DoorwardError(Exception):
    """Base of everything Doorward raises on purpose. `message` may be shown to the caller; `code` never changes."""

    code: str = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class ConfigurationError(DoorwardError):
    """The configuration is wrong, incomplete or unsafe; the message says the way out."""

    code = "configuration_error"


class InvalidInput(DoorwardError):
    """The caller sent something that does not fit the schema or a bound."""

    code = "invalid_input"
    status = 400


class KeyReused(DoorwardError):
    """An idempotency key came again with another body."""

    code = "idempotency_key_reused"
    status = 422


class Unauthenticated(DoorwardError):
    """No credential, or one that does not hold."""

    code = "unauthenticated"
    status = 401


class Forbidden(DoorwardError):
    """The caller is known but has no right to this."""

    code = "forbidden"
    status = 403


class NotFound(DoorwardError):
    """Not there, or not the caller's: both get the same answer."""

    code = "not_found"
    status = 404


class TurnContinues(DoorwardError):
    """The turn takes longer than this request may: it goes on, and its stream can be read on."""

    code = "turn_continues"
    status = 202


class Conflict(DoorwardError):
    """The request clashes with the present state. `retry_after` (seconds) is there when waiting helps."""

    code = "conflict"
    status = 409

    def __init__(self, message: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class TextRefused(Conflict):
    """The store takes this text neither now nor later."""

    code = "text_refused"


class TooManyRequests(DoorwardError):
    """A limit was reached. `retry_after` is in seconds."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, *, retry_after: float, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class QuotaExceeded(DoorwardError):
    """What may be kept is used up: something must be deleted first."""

    code = "quota_exceeded"
    status = 402


class AgentFailed(DoorwardError):
    """The agent was run and reported an error."""

    code = "agent_failed"
    status = 502


class AgentUnreachable(DoorwardError):
    """No connection to the agent, or it broke off."""

    code = "agent_unreachable"
    status = 502


class AgentTimeout(DoorwardError):
    """The agent did not answer within its time."""

    code = "agent_timeout"
    status = 504


class StoreUnavailable(DoorwardError):
    """The store did not take the write; nothing of it was kept."""

    code = "store_unavailable"
    status = 503
