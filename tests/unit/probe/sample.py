"""A report with one row of each result, and attacks that need no target."""

import asyncio

from doorward.probe.attack import Attack
from doorward.probe.evidence import Evidence
from doorward.probe.finding import Finding, Result, blocked, succeeded
from doorward.probe.lab import Lab
from doorward.probe.runner import Report, Row
from doorward.probe.target import Target
from doorward.probe.wire import Reply, Sent

NASTY = "</title><script>alert(1)</script>\"'&\x1b[31m\x00"


def report(target: str = "somewhere", *, said: str = NASTY) -> Report:
    """One row of each result. `said` stands wherever a target can put text."""
    evidence = (Evidence(command=f"curl -i 'http://127.0.0.1/{said}'", status=200, seconds=0.1, excerpt=said),)
    rows = tuple(
        Row(
            id=f"AP-XYZ-{number:02}",
            title=f"title {number}",
            sources=("API2", "RFC 8725 3.9", "home made"),
            does="does this",
            control="this works",
            mend="mend so",
            result=result,
            sentence=f"because {said}",
            seconds=0.25,
            figures={"agent_runs": 3},
            evidence=evidence if result is Result.SUCCEEDED else (),
        )
        for number, result in enumerate(Result, start=1)
    )
    return Report(target=target, pattern="", url="http://127.0.0.1:1", started=1.0, ended=3.5, requests=7, rows=rows)


class Quiet(Attack):
    """Needs no target: no control."""

    id = "AP-XYZ-01"
    title = "quiet"
    sources = ("API2",)
    does = "nothing"
    mend = "nothing"

    async def control(self, lab: Lab) -> Finding | None:
        return None

    async def attack(self, lab: Lab) -> Finding:
        return blocked("Nothing got through.")


class Broken(Quiet):
    id = "AP-XYZ-02"

    async def attack(self, lab: Lab) -> Finding:
        raise KeyError("token-abcdefgh")


class Endless(Quiet):
    id = "AP-XYZ-03"

    async def attack(self, lab: Lab) -> Finding:
        await asyncio.Event().wait()
        raise AssertionError


class Telling(Quiet):
    """Puts every secret into its evidence."""

    id = "AP-XYZ-04"

    async def attack(self, lab: Lab) -> Finding:
        headers = (await lab.bearer(), ("Cookie", "__Host-session=abcdef123456"), ("X-Odd", "1"))
        password = lab.target.users[0].password
        assert password is not None
        sent = Sent(method="POST", url="http://127.0.0.1:1/x", headers=headers, body=password.reveal().encode())
        token = (await lab.tokens()).access.reveal()
        reply = Reply(sent=sent, status=200, body=f'{{"echo": "{token}"}}'.encode())
        return succeeded(f"The token {token} was taken.", reply)


def target(**changes: object) -> Target:
    return Target(name="somewhere", front_door="http://127.0.0.1:1", **changes)
