"""AP-BYP-07."""

import json
import secrets

from msgspec import Struct

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.forgery import take_apart
from doorward.probe.lab import SESSION_HEADER, Lab
from doorward.probe.signed_call import TURN_HEADER, USER_HEADER
from doorward.probe.wire import Header, Reply

_USER_HEADERS = (
    USER_HEADER, "X-User-Id", "X-Forwarded-User", "X-Auth-Request-User", "X-Remote-User", "Remote-User",
    "X-Doorward-User", "X-Doorward-Owner", "X-Doorward-Subject", "X-Actor-Id",
)  # fmt: skip
_TOKEN_HEADERS = (TURN_HEADER, "Txn-Token", "X-Doorward-Turn-Token", "X-Doorward-Invocation")
_SESSION_HEADERS = (SESSION_HEADER, "X-Session-Id", "X-Doorward-Session")
_ASKED = "what is my name?"


class _Victim(Struct, frozen=True):
    """The second user: what they are called, and a conversation of theirs that holds a secret word."""

    names: tuple[str, ...]
    session: str
    word: str
    remembered: bool


class InternalHeaders(Attack):
    """Headers that only the house's own services may set."""

    id = "AP-BYP-07"
    title = "Internal headers set by a client"
    sources = ("ASI03", "API1", "API3")
    does = (
        "Chats as one user with the headers by which services name another user, session and turn; also with _ for -."
    )
    mend = "Drop every internal header at the edge, set them anew inside, and refuse names with underscores."

    async def applies(self, lab: Lab) -> str:
        """Two users are needed."""
        return "" if len(lab.target.users) > 1 else "A second user is needed whom the first one could pretend to be."

    async def attack(self, lab: Lab) -> Finding:
        """The first user must stay the first user, and not get at what the second one said."""
        victim = await _victim(lab)
        before = await _history(lab)
        shown: list[Reply] = []
        for headers in _sets(victim):
            reply = await lab.present([await lab.bearer(), *headers]) if lab.target.whoami else None
            if reply is not None and reply.status < 300 and any(name in reply.text for name in victim.names):
                return succeeded("A header made the first user the second one.", reply)
            asked = await lab.chat([await lab.bearer(), *headers], prompt=_ASKED)
            if victim.word in asked.text:
                return succeeded("A header opened the second user's conversation to the first one.", asked)
            if asked.status >= 500:
                return inconclusive("An error of the server came back.", asked)
            shown += [asked]
        if await _history(lab) != before:
            return succeeded("The second user's history changed while the first one chatted.", *shown[:2])
        limits = (
            "" if victim.remembered else " This agent remembers nothing, so only names and histories were compared."
        )
        sentence = f"In {len(shown)} chats with internal headers the first user stayed the first user.{limits}"
        return blocked(sentence, *shown[:2])


async def _victim(lab: Lab) -> _Victim:
    """Have the second user say a word that nobody else knows, and see whether the agent remembers it."""
    word = f"Quince{secrets.token_hex(4)}"
    bearer = await lab.bearer(1)
    session = lab.session_id()
    told = await lab.chat([bearer], prompt=f"my name is {word}", session_id="" if lab.target.history else session)
    session = _session_of(lab, told) or session
    asked = await lab.chat([bearer], prompt=_ASKED, session_id=session)
    return _Victim(await _names(lab), session, word, word in asked.text)


def _session_of(lab: Lab, reply: Reply) -> str:
    try:
        found = json.loads(reply.body)
    except ValueError:
        found = {}
    named = found.get(lab.target.chat.session_field) if isinstance(found, dict) else None
    return str(named or reply.header("x-session-id") or reply.header(SESSION_HEADER.lower()) or "")


async def _names(lab: Lab) -> tuple[str, ...]:
    """Every name of the second user that the first one does not share: subject, user name, what whoami says."""
    found: list[set[str]] = []
    for user in (0, 1):
        jwt = take_apart((await lab.tokens(user)).access.reveal())
        names = {str(jwt.claims.get(name, "")) for name in ("sub", "username", "email")} if jwt else set()
        names.add(lab.target.users[user].username)
        if lab.target.whoami:
            names |= _texts(await lab.present([await lab.bearer(user)]))
        found.append(names)
    return tuple(sorted(name for name in found[1] - found[0] if len(name) > 4))


def _texts(reply: Reply) -> set[str]:
    try:
        found = json.loads(reply.body)
    except ValueError:
        return set()
    return {value for value in found.values() if isinstance(value, str)} if isinstance(found, dict) else set()


async def _history(lab: Lab) -> str:
    if not lab.target.history:
        return ""
    url = lab.target.front_door.rstrip("/") + lab.target.history
    return (await lab.wire.send("GET", url, [await lab.bearer(1)])).text


def _sets(victim: _Victim) -> list[list[Header]]:
    sets: list[list[Header]] = []
    session: list[Header] = [(name, victim.session) for name in _SESSION_HEADERS]
    for name in victim.names:
        users: list[Header] = [(header, name) for header in _USER_HEADERS]
        sets += [[*users, *session], [(USER_HEADER, name)], [*_underscored(users), *_underscored(session)]]
    tokens: list[Header] = [(header, "a.b.c") for header in _TOKEN_HEADERS]
    return [*sets, session, tokens, _underscored(tokens)]


def _underscored(headers: list[Header]) -> list[Header]:
    return [(name.replace("-", "_"), value) for name, value in headers]
