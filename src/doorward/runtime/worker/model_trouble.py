"""What goes wrong between an agent and its model: told apart without importing a provider, named by stable codes.

The guard of a model raises `ModelTrouble`, the graph's adapter `Trouble`; the worker's shim tells its code, and never
the provider's words.
"""

import email.utils
import random
import time
from collections.abc import Iterator

from msgspec import Struct

UNAVAILABLE = "model_unavailable"
TIMEOUT = "model_timeout"
GARBLED = "model_garbled"
FAILED = "model_failed"
TOO_LARGE = "model_answer_too_large"
TOO_MANY_STEPS = "turn_steps_exceeded"

# As every client of a provider names them: OpenAI's and Anthropic's, httpx, aiohttp, botocore, LangChain's own.
_NO_CONNECTION = frozenset(
    {
        "APIConnectionError",
        "ClientConnectionError",
        "ConnectionError",
        "HTTPClientError",
        "ModelConnectionError",
        "NetworkError",
    }
)
_TOO_LATE = frozenset({"APITimeoutError", "ModelTimeoutError", "TimeoutException", "ReadTimeoutError"})
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0
_DEEPEST_CAUSE = 8


class Trouble(Exception):
    """Why a run came to nothing, where there is a code for it: one of this module's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ModelTrouble(Trouble):
    """A call of the model came to nothing; the cause is the provider's own error."""


class Diagnosis(Struct, frozen=True):
    """What an error means. `again`: another attempt may help, and no output is lost by it; `wait` is what the provider
    asked for, in seconds."""

    code: str
    again: bool = False
    wait: float = 0.0


def trouble_in(error: BaseException) -> Trouble | None:
    """The trouble that an error of an agent was caused by."""
    return next((one for one in _causes(error) if isinstance(one, Trouble)), None)


def diagnosis_of(error: Exception) -> Diagnosis:
    """Of an error that a call of a provider raised. 408, 409, 429 and 5xx are passing, and so is no connection; every
    other status is an answer. A call that took too long may still be running there: it is not made twice."""
    status = status_of(error)
    if status is not None:
        passing = status in (408, 409, 429) or status >= 500
        return Diagnosis(UNAVAILABLE, again=True, wait=_retry_after(error)) if passing else Diagnosis(FAILED)
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, TimeoutError) or not _TOO_LATE.isdisjoint(names):
        return Diagnosis(TIMEOUT)
    if isinstance(error, OSError) or not _NO_CONNECTION.isdisjoint(names):
        return Diagnosis(UNAVAILABLE, again=True)
    return Diagnosis(GARBLED if isinstance(error, _UNREADABLE) else FAILED)


def status_of(error: Exception) -> int | None:
    """The HTTP status in a provider's error."""
    for owner in (error, getattr(error, "response", None)):
        status = getattr(owner, "status_code", None)
        if isinstance(status, int):
            return status
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    return None


def pause_before(attempt: int, wait: float) -> float:
    """Seconds before this attempt (the second is 1): full jitter, and never less than the provider asked for."""
    return max(wait, random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))))  # noqa: S311


def _retry_after(error: Exception) -> float:
    """RFC 9110 10.2.3: seconds or a date."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    value = str(headers.get("retry-after", "")) if headers is not None else ""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        if one is None:
            return
        yield one
        one = one.__cause__ or one.__context__
