"""`doorward doctor`: is the configuration safe and complete, are the parts reachable?"""

import importlib.util
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from doorward.compose.auditing import last_self_test
from doorward.compose.house import Places, is_embedded, issuer
from doorward.compose.running import as_running
from doorward.compose.safety import findings, twins
from doorward.compose.settings import Loaded
from doorward.errors import DoorwardError
from doorward.identity.discovery import discover
from doorward.identity.fetch import HttpFetch
from doorward.model.console import Remark
from doorward.model.ledger import LedgerEntry
from doorward.model.settings import Settings

_TIMEOUT = aiohttp.ClientTimeout(total=3.0)


async def check_up(loaded: Loaded) -> AsyncIterator[Remark]:
    """All remarks, for the command line: about the house that is up, or that would be. Changes nothing."""
    settings = as_running(loaded)
    async for remark in check_house(settings, last_self_test(settings)):
        yield remark


async def check_house(settings: Settings, tested: LedgerEntry | None) -> AsyncIterator[Remark]:
    """All remarks about a house with these settings; `tested` is what its last self-test wrote. Changes nothing."""
    for finding in findings(settings):
        yield Remark("bad", f"{finding.code}: {finding.message}")
    for name, what in twins(settings).items():
        yield Remark("note", f"twin {name}: {what}")
    for remark in [*_agent(settings), *_files(settings), _self_test(tested)]:
        yield remark
    async with aiohttp.ClientSession(trust_env=False, timeout=_TIMEOUT) as http:
        yield await _answers(http, "front door", f"{settings.gateway.public_url}/readyz")
        yield await _answers(http, "agent door", f"{settings.agent.url}/ping")
        if not is_embedded(settings):
            yield await _issuer(http, settings)


def _agent(settings: Settings) -> Iterator[Remark]:
    if settings.agent.file:
        path = Path(settings.agent.file)
        there = path.is_file() or Path(settings.agent.file.rpartition(":")[0]).is_file()
        yield Remark("ok" if there else "bad", f"agent file {settings.agent.file}" + ("" if there else " is not there"))
    if settings.agent.model != "rehearsal" and importlib.util.find_spec("langchain") is None:
        yield Remark("bad", f"model {settings.agent.model} needs LangChain: pip install 'doorward[langgraph]'")


def _files(settings: Settings) -> Iterator[Remark]:
    root = Path(settings.data).absolute()
    if not root.exists():
        yield Remark("note", f"data folder {root} will be made at the first start")
        return
    for path in (root, Places(settings).keys):
        if path.exists() and path.stat().st_mode & 0o077:
            yield Remark("bad", f"{path} is open to others: chmod 700 {path}")
    yield Remark("ok" if os.access(root, os.W_OK) else "bad", f"data folder {root}")


def _self_test(entry: LedgerEntry | None) -> Remark:
    if entry is None:
        return Remark("note", "no self-test is among the newest entries of the ledger")
    when = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    state = "ok" if entry.verdict == "allow" else "bad"
    return Remark(state, f"last self-test, {when}: {entry.resource}")


async def _answers(http: aiohttp.ClientSession, what: str, url: str) -> Remark:
    try:
        async with http.get(url, allow_redirects=False) as answer:
            return Remark("ok" if answer.status == 200 else "bad", f"{what} at {url} answers {answer.status}")
    except (TimeoutError, aiohttp.ClientError):
        return Remark("note", f"{what} at {url} does not answer: is the house up?")


async def _issuer(http: aiohttp.ClientSession, settings: Settings) -> Remark:
    try:
        await discover(HttpFetch(http), issuer(settings))
    except DoorwardError as error:
        return Remark("bad", f"issuer {issuer(settings)}: {error.message}")
    return Remark("ok", f"issuer {issuer(settings)} answers")
