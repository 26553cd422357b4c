"""Runs attacks on a target one after the other and keeps what they found, without any secret. Called by `compose`.

It refuses to let one attack spoil the others: each has a time cap, and one that breaks is inconclusive.
"""

import asyncio
import contextlib
import inspect
import time
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from doorward.probe.attack import Attack
from doorward.probe.evidence import Evidence, evidence_of, printable
from doorward.probe.finding import Finding, Result, inconclusive
from doorward.probe.lab import Lab
from doorward.probe.redaction import Redactor
from doorward.probe.target import Target
from doorward.probe.wire import Bounds, ProbeError

ATTACK_SECONDS = 45.0
_USUAL_CONTROL = "The normal chat of a signed-in user has to be answered."
_OTHER_CONTROL = "The same request made properly has to succeed."


class Row(Struct, frozen=True, kw_only=True):
    """One attack on one target: its papers and what it found. `expected` is set when an operator said beforehand that
    this one gets through. `seconds` is how long it took."""

    id: str
    title: str
    sources: tuple[str, ...]
    does: str
    control: str
    mend: str
    result: Result
    sentence: str
    seconds: float
    figures: dict[str, float] = {}
    evidence: tuple[Evidence, ...] = ()
    expected: bool = False


class Report(Struct, frozen=True, kw_only=True):
    """What a run found on one target. `started` and `ended` are seconds since 1970, `requests` how many were sent."""

    target: str
    pattern: str
    url: str
    started: float
    ended: float
    requests: int
    rows: tuple[Row, ...]

    def unexpected(self) -> list[Row]:
        """The attacks that got through although nobody said so."""
        return [row for row in self.rows if row.result is Result.SUCCEEDED and not row.expected]


OnRow = Callable[[Row], None]


async def run(
    target: Target,
    attacks: Sequence[Attack],
    bounds: Bounds | None = None,
    on_finding: OnRow | None = None,
    *,
    attack_seconds: float = ATTACK_SECONDS,
) -> Report:
    """Attack one target. `on_finding` is called after each attack. Raises nothing that an attack raises."""
    return await attack_all(Lab(target, bounds), attacks, on_finding, attack_seconds=attack_seconds)


async def attack_all(
    lab: Lab, attacks: Sequence[Attack], on_finding: OnRow | None = None, *, attack_seconds: float = ATTACK_SECONDS
) -> Report:
    """As `run`, in a lab that the caller keeps."""
    target = lab.target
    _withhold(lab)
    started = time.time()
    await _prepared(attacks, lab)
    rows = []
    for attack in attacks:
        began = time.monotonic()
        finding = await _outcome(attack, lab, attack_seconds)
        rows.append(_row(attack, finding, lab, time.monotonic() - began))
        if on_finding is not None:
            on_finding(rows[-1])
    return Report(
        target=target.name,
        pattern=target.pattern,
        url=target.front_door or target.agent_door or next(iter(target.agent_urls), ""),
        started=started,
        ended=time.time(),
        requests=lab.bounds.spent,
        rows=tuple(sorted(rows, key=lambda row: row.id)),
    )


def expecting(report: Report, is_expected: Callable[[str, str], bool]) -> Report:
    """The report with those rows marked for which `is_expected` (id, target or pattern) says so."""
    names = {report.target, report.pattern}
    rows = tuple(replace(row, expected=any(is_expected(row.id, name) for name in names)) for row in report.rows)
    return replace(report, rows=rows)


async def _prepared(attacks: Sequence[Attack], lab: Lab) -> None:
    """What cannot begin now is found out when its attack runs."""
    for attack in attacks:
        with contextlib.suppress(ProbeError):
            await attack.prepare(lab)


async def _outcome(attack: Attack, lab: Lab, seconds: float) -> Finding:
    try:
        async with asyncio.timeout(seconds):
            return await attack.run(lab)
    except TimeoutError:
        return inconclusive(f"The attack was not done after {seconds:.0f} s.")
    except Exception as error:  # noqa: BLE001 - a broken attack must not take the others with it
        return inconclusive(f"The attack itself broke: {type(error).__name__}.")


def _row(attack: Attack, finding: Finding, lab: Lab, seconds: float) -> Row:
    redactor = Redactor(lab.withheld)
    return Row(
        id=attack.id,
        title=attack.title,
        sources=tuple(attack.sources),
        does=attack.does,
        control=control_of(attack),
        mend=attack.mend,
        result=finding.result,
        sentence=printable(redactor.text(finding.sentence)),
        seconds=round(seconds, 3),
        figures=dict(finding.figures),
        evidence=tuple(evidence_of(reply, redactor) for reply in finding.evidence),
    )


def control_of(attack: Attack) -> str:
    """What has to succeed before the attack is judged: the first sentence of its own control, where it has one."""
    own = next((vars(kind)["control"] for kind in type(attack).__mro__ if "control" in vars(kind)), None)
    if own is Attack.control:
        return _USUAL_CONTROL
    said = inspect.cleandoc(getattr(own, "__doc__", None) or "")
    return " ".join(said.split("\n\n")[0].split()) or _OTHER_CONTROL


def _withhold(lab: Lab) -> None:
    """Passwords, given tokens and keys of the target; tokens that are got later are withheld by the lab itself."""
    for number, account in enumerate(lab.target.users, start=1):
        if account.password is not None:
            lab.withhold(account.password.reveal(), f"user-{number}-password")
        if account.token is not None:
            lab.withhold(account.token.reveal(), f"user-{number}-access-token")
    for name in ("issuer_key", "expired_token", "retired_token"):
        given = getattr(lab.target, name)
        if given is not None:
            lab.withhold(given.reveal(), name.replace("_", "-"))
    if lab.target.workload is not None:
        lab.withhold(lab.target.workload.secret_access_key.reveal(), "workload-secret-key")
