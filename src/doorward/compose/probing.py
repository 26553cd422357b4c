"""`doorward probe`: which attacks, on which targets, within which bounds."""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from doorward.compose.probe_house import probe_house
from doorward.errors import ConfigurationError
from doorward.probe.attack import Attack
from doorward.probe.catalogue import all_attacks
from doorward.probe.ownership import require_ownership
from doorward.probe.runner import Report, Row, run
from doorward.probe.target import Target
from doorward.probe.wire import Bounds

PATTERNS = ("direct", "front-door", "two-doors", "conversations")


class Watching(Struct, frozen=True):
    """Who is told what happens: `target` with a sentence when one begins, `row` after each attack."""

    target: Callable[[str], None]
    row: Callable[[Row], None]


def chosen(only: Iterable[str]) -> list[Attack]:
    """All attacks, or those of these ids. `ConfigurationError` for an id that does not exist."""
    attacks = all_attacks()
    wanted = set(only)
    unknown = wanted - {attack.id for attack in attacks}
    if unknown:
        raise ConfigurationError(f"There is no attack {', '.join(sorted(unknown))}.", code="unknown_attack")
    return [attack for attack in attacks if not wanted or attack.id in wanted]


async def probe_patterns(patterns: Sequence[str], attacks: Sequence[Attack], watching: Watching) -> list[Report]:
    """Start a house of each pattern, attack it, end it."""
    reports = []
    for pattern in patterns:
        watching.target(f"Attacking a fresh house of pattern {pattern}.")
        async with probe_house(pattern) as target:
            reports.append(await run(target, attacks, Bounds(), watching.row))
    return reports


async def probe_targets(
    targets: Sequence[Target],
    attacks: Sequence[Attack],
    watching: Watching,
    *,
    key: Ed25519PrivateKey | None,
    record: Callable[[str], Awaitable[None]],
) -> list[Report]:
    """Attack running deployments; `record` is told each target's name before its first attack.

    `ConfigurationError` (``ownership_unproven``), before any attack on any of them, when a host is not loopback and not
    proven to be the operator's.
    """
    names = [target.name for target in targets]
    if len(set(names)) != len(names):
        raise ConfigurationError("Two targets have the same name.", code="invalid_setting")
    for target in targets:
        await require_ownership(target, key, now=time.time())
    reports = []
    for target in targets:
        watching.target(f"Attacking {target.name}.")
        bounds = await require_ownership(target, key, now=time.time())
        await record(target.name)
        reports.append(await run(target, attacks, bounds, watching.row))
    return reports
