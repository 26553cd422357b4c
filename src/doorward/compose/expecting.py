"""What an operator says beforehand about attacks that get through: ``ID``, ``ID@PATTERN``, or ``gap``. Pure."""

from collections.abc import Callable, Iterable

from doorward.errors import ConfigurationError

# The known gap of the first two patterns: a user's token opens the agent too, around every limit of the front door. In
# `direct` there is no front door at all, so no place for limits.
GAP = frozenset(
    {(id_, pattern) for pattern in ("direct", "front-door") for id_ in ("AP-BYP-01", "AP-BYP-09", "AP-WALLET")}
    | {(id_, "direct") for id_ in ("AP-LIM-01", "AP-LIM-04")}
)


def expectation(given: Iterable[str], known: Iterable[str]) -> Callable[[str, str], bool]:
    """Whether an attack (its id, and the name or pattern of the target) is expected to get through.

    `ConfigurationError` for an id that is not in `known`.
    """
    ids = set(known)
    pairs: set[tuple[str, str]] = set()
    for word in given:
        if word == "gap":
            pairs |= GAP
            continue
        id_, _, where = word.partition("@")
        if id_ not in ids:
            raise ConfigurationError(f"There is no attack {id_} (--expect {word}).", code="unknown_attack")
        pairs.add((id_, where))
    return lambda id_, where: (id_, where) in pairs or (id_, "") in pairs
