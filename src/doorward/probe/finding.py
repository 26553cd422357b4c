"""What an attack found: a result, a sentence, and the exchanges that show it."""

from enum import StrEnum

from msgspec import Struct

from doorward.probe.wire import Reply


class Result(StrEnum):
    """`BLOCKED` only with a control that succeeded; without one the result is `INCONCLUSIVE`."""

    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not applicable"


class Finding(Struct, frozen=True, kw_only=True):
    """The outcome of one attack on one target. `evidence` holds the exchanges that a reader needs, at most a handful;
    `figures` holds counts such as ``{"agent_runs": 12}``."""

    result: Result
    sentence: str
    evidence: tuple[Reply, ...] = ()
    figures: dict[str, float] = {}


def blocked(sentence: str, *evidence: Reply, **figures: float) -> Finding:
    """The attack did not get through."""
    return Finding(result=Result.BLOCKED, sentence=sentence, evidence=evidence, figures=figures)


def succeeded(sentence: str, *evidence: Reply, **figures: float) -> Finding:
    """The attack got through."""
    return Finding(result=Result.SUCCEEDED, sentence=sentence, evidence=evidence, figures=figures)


def inconclusive(sentence: str, *evidence: Reply) -> Finding:
    """Nothing can be said: the control failed, or the target did not answer."""
    return Finding(result=Result.INCONCLUSIVE, sentence=sentence, evidence=evidence)


def not_applicable(sentence: str) -> Finding:
    """The target has nothing that this attack is about."""
    return Finding(result=Result.NOT_APPLICABLE, sentence=sentence)
