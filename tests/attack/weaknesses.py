"""For each attack of the probe, the defence that stops it, switched off."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from tests.attack.believing import (
    believing,
    derives_keys,
    key_by_address,
    key_by_path,
    key_in_header,
    no_algorithm,
    secret_is_public_key,
)
from tests.attack.weakened import Weakness
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from doorward.agent_door import guard
from doorward.compose import gateway
from doorward.front_door import access, authenticate, body, browser_session_cookie, door, host, recorder
from doorward.front_door import path as path_check
from doorward.front_door.visit import Visit
from doorward.http import limiter
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Route
from doorward.identity import claims, compact, sigv4, tokens
from doorward.model.principals import User
from doorward.model.settings import ClientSettings, Settings
from doorward.ports.limits import LimitState
from doorward.runtime import host as runtime_host
from doorward.services.chat import equal_sends
from doorward.sign_in import clients
from doorward.stores.sqlite import conversations, grants, replay, turns

Patch = pytest.MonkeyPatch
_CLIENT = "doorward-cli"


def replacing(module: Any, name: str, value: Any) -> Callable[[Patch], None]:
    return lambda mp: mp.setattr(module, name, value)


def all_of(*patches: Callable[[Patch], None]) -> Callable[[Patch], None]:
    def patch(mp: Patch) -> None:
        for one in patches:
            one(mp)

    return patch


def without(check: type) -> Callable[[Patch], None]:
    """The front door's list without one of its checks."""
    return lambda mp: mp.setattr(door, "CHECKS", tuple(item for item in door.CHECKS if item is not check))


class _Unchecked:
    """A check that has no opinion."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    async def check(self, visit: Any) -> None:
        return None


STRANGER = User(issuer="nobody", subject="stranger", username="stranger")


def letting_in(when: Callable[[Visit], bool]) -> Callable[[Patch], None]:
    """An exception from authentication."""

    def patch(mp: Patch) -> None:
        real = authenticate.Authenticate.check

        async def check(self: Any, visit: Visit) -> Any:
            if when(visit) and visit.route is not None:
                self._enter(visit, STRANGER)
                return None
            return await real(self, visit)

        mp.setattr(authenticate.Authenticate, "check", check)

    return patch


def _first_header_only(mp: Patch) -> None:
    real = Visit.header_values
    mp.setattr(Visit, "header_values", lambda self, name: real(self, name)[:1])


def _believes_user_header(mp: Patch) -> None:
    real = authenticate.Authenticate._enter

    def enter(self: Any, visit: Visit, user: User) -> None:
        named = visit.headers.get("x-forwarded-user") or visit.headers.get("x-user-id")
        real(self, visit, replace(user, subject=named, username=named) if named else user)

    mp.setattr(authenticate.Authenticate, "_enter", enter)


def _repaired_paths(mp: Patch) -> None:
    """Routes what it has repaired, and asks for a token by what was sent."""
    real = path_check.split_path

    def split(raw: bytes) -> tuple[str, ...]:
        kept: list[str] = []
        for part in raw.decode("latin-1").split("/"):
            if part == ".." and kept:
                kept.pop()
            elif part not in ("", ".", ".."):
                kept.append(part)
        return real(b"/" + "/".join(kept).encode())

    mp.setattr(path_check, "split_path", split)
    letting_in(lambda visit: b"/../" in visit.raw_path or b"/./" in visit.raw_path or b"//" in visit.raw_path)(mp)


def _racing_limit(mp: Patch) -> None:
    """Looks, waits, and only then counts."""

    async def take(self: limiter.RateLimiter, key: str) -> LimitState:
        before = dict(self._due)
        state = self.admit(key)
        if state.admitted:
            after = self._due[key]
            self._due = before
            await asyncio.sleep(0.05)
            self._due[key] = after
        return state

    mp.setattr(limiter.RateLimiter, "take", take)


def _guarded_route(path: str, answer: bytes) -> Callable[[Patch], None]:
    """One route more, for any user."""

    async def handler(_: Any) -> Response:
        return json_response(msgspec.Raw(answer))

    def patch(mp: Patch) -> None:
        real = gateway.GatewayHouse._pattern_routes
        route = Route(method="GET", path=path, handler=handler, access=Access.USER, summary="x", responses={})
        mp.setattr(gateway.GatewayHouse, "_pattern_routes", lambda self: [*real(self), route])

    return patch


def _everybody_is_an_operator(mp: Patch) -> None:
    real = access.Access.check

    async def check(self: Any, visit: Visit) -> Any:
        if visit.user is not None:
            visit.user = replace(visit.user, roles=visit.user.roles | {"operator"})
        return await real(self, visit)

    mp.setattr(access.Access, "check", check)


def _logging_everything(world_log: dict[str, Any]) -> Callable[[Patch], None]:
    def patch(mp: Patch) -> None:
        real = recorder.Recorder.record

        def record(self: Any, visit: Visit, verdict: Any) -> None:
            with world_log["path"].open("ab") as log:
                log.write(visit.raw_path + b"?" + visit.query_string)
                log.writelines(name + b": " + value + b"\n" for name, value in visit.raw_headers)
                log.write(msgspec.json.encode(str(visit.body)) + b"\n")
            real(self, visit, verdict)

        mp.setattr(recorder.Recorder, "record", record)

    return patch


LOG: dict[str, Any] = {}


def _front(settings: Settings, **changes: Any) -> Settings:
    return replace(settings, front_door=replace(settings.front_door, **changes))


def _lax_read(raw: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Takes what Python's own reader takes: the last of two equal names, NaN, lone surrogates."""
    value = json.loads(raw.decode("utf-8", "replace"), strict=False)
    wanted = {field.name for field in msgspec.structs.fields(decoder.type)}
    return msgspec.convert({name: item for name, item in value.items() if name in wanted}, decoder.type)


class LenientProtocol(HttpToolsProtocol):
    """Reads whatever can be read somehow, as older parsers do."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,
            lenient_transfer_encoding=True,
            lenient_optional_lf_after_cr=True,
            lenient_optional_cr_before_lf=True,
            lenient_optional_crlf_after_chunk=True,
            lenient_spaces_after_chunk_size=True,
        )


class _Beginnings(tuple[str, ...]):
    """Registered addresses that are compared by their beginning."""

    __slots__ = ()

    def __contains__(self, given: object) -> bool:
        return any(str(given).startswith(uri) for uri in self)


def _prefixes(mp: Patch) -> None:
    real = clients.Clients.find

    def find(self: Any, client_id: str | None) -> Any:
        found = real(self, client_id)
        return found and replace(found, redirect_uris=_Beginnings(found.redirect_uris))

    mp.setattr(clients.Clients, "find", find)


def _open_cookie(mp: Patch) -> None:
    real = browser_session_cookie.CookieJar.set

    def set_(self: Any, value: str, *, max_age: int) -> tuple[bytes, bytes]:
        name, cookie = real(self, value, max_age=max_age)
        return name, cookie.replace(b"; HttpOnly", b"")

    mp.setattr(browser_session_cookie.CookieJar, "set", set_)


def _keys_without_bodies(mp: Patch) -> None:
    real = equal_sends.EqualSends._hashed
    mp.setattr(equal_sends.EqualSends, "_hashed", lambda self, key: real(self, replace(key, body=b"")))


def _body_names_the_user(mp: Patch) -> None:
    """Whatever fields a body has are taken over, who the user is included."""
    known: dict[str, User] = {}
    real = authenticate.Authenticate._enter

    def enter(self: Any, visit: Visit, user: User) -> None:
        known.update({user.username: user, user.subject: user})
        real(self, visit, user)

    real_read = body.Body._read

    async def read(self: Any, visit: Visit, route: Route) -> None:
        if route.body is None:
            await real_read(self, visit, route)
            return
        raw = await visit.read_body(limit=10**6, timeout=5.0)
        visit.body = _lax_read(raw, self._decoders[route.body])
        named = known.get(str(json.loads(raw).get("user_id")))
        if named is not None:
            enter(None, visit, named)

    mp.setattr(authenticate.Authenticate, "_enter", enter)
    mp.setattr(body.Body, "_read", read)


async def _take_again(self: Any, code_hash: str) -> Any:
    row = self._database.read(grants._CODE, (code_hash,))[0]
    names = ("code_hash", "client_id", "redirect_uri", "subject", "scope", "nonce", "code_challenge", "auth_time")
    fields = dict(zip(names, row, strict=False))
    return grants.AuthorizationCode(**fields, expires_at=row[8], family=row[9])


async def _refresh_again(self: Any, token_hash: str) -> Any:
    row = self._database.read(grants._REFRESH, (token_hash,))
    if not row:
        return None
    names = ("token_hash", "family", "client_id", "subject", "scope", "auth_time", "expires_at")
    return grants.RefreshToken(**dict(zip(names, row[0], strict=False)))


async def _always_first(self: Any, signature: str, *, until: float) -> bool:
    return True


_RS_TAKES_ALL = replacing(tokens, "signature_holds", lambda *_: True)
_NO_OWNER = "SELECT {columns} FROM conversations WHERE ? <> '' AND session_id = ?"
_FOR_USERS = Weakness(what="the agent door takes users' tokens", pattern="front-door")

WEAKNESSES: dict[str, Weakness] = {
    "AP-BYP-01": _FOR_USERS,
    "AP-BYP-02": Weakness(
        what="of several Authorization headers the first is taken", patch=_first_header_only, protocol=HttpToolsProtocol
    ),
    "AP-BYP-03": Weakness(what="the agent door listens on every address", agent_host="0.0.0.0"),  # noqa: S104 - that is the weakness
    "AP-BYP-04": Weakness(
        what="the agent door takes users' tokens, of any kind",
        pattern="front-door",
        patch=replacing(claims, "_access_refusal", lambda *_: None),
    ),
    "AP-BYP-05": Weakness(
        what="signatures are not remembered",
        patch=all_of(
            replacing(replay.SqliteReplay, "first_use", _always_first),
            replacing(guard.FirstUse, "_remember", lambda *_: None),
        ),
    ),
    "AP-BYP-06": Weakness(
        what="the signature is read and not proven", patch=replacing(sigv4, "prove", lambda claim, *_: claim.key_id)
    ),
    "AP-BYP-07": Weakness(what="a proxy's user header is believed", patch=_believes_user_header),
    "AP-BYP-08": Weakness(what="no turn token is asked for", patch=replacing(guard, "ActsForUser", _Unchecked)),
    "AP-BYP-09": _FOR_USERS,
    "AP-WALLET": _FOR_USERS,
    "AP-JWT-01": Weakness(what="alg none is believed", patch=believing(no_algorithm)),
    "AP-JWT-02": Weakness(what="the algorithm is not bound to the key", patch=believing(secret_is_public_key)),
    "AP-JWT-03": Weakness(what="a key in the header is believed", patch=believing(key_in_header)),
    "AP-JWT-04": Weakness(what="a key's address in the header is fetched", patch=believing(key_by_address)),
    "AP-JWT-05": Weakness(what="the key id is a file's name", patch=believing(key_by_path)),
    "AP-JWT-06": Weakness(
        what="the audience is not compared", patch=replacing(claims, "_audience_fits", lambda *_: True)
    ),
    "AP-JWT-07": Weakness(what="the issuer is not compared", patch=replacing(tokens, "check_issuer", lambda *_: None)),
    "AP-JWT-08": Weakness(what="times are not looked at", patch=replacing(tokens, "validity", lambda *_: (0.0, 9e9))),
    "AP-JWT-09": Weakness(
        what="kinds of tokens are not told apart", patch=replacing(claims, "_access_refusal", lambda *_: None)
    ),
    "AP-JWT-10": Weakness(what="the signature is not verified", patch=_RS_TAKES_ALL),
    "AP-JWT-11": Weakness(what="names may be given twice", patch=replacing(compact, "_unique", dict)),
    "AP-JWT-12": Weakness(what="keys are derived as a token wishes", patch=believing(derives_keys)),
    "AP-JWT-13": Weakness(what="a removed key is still trusted"),
    "AP-JWT-14": Weakness(
        what="the cache forgets the signature",
        patch=replacing(tokens, "digest_of", lambda token: hashlib.sha256(token.rpartition(".")[0].encode()).digest()),
    ),
    "AP-OAU-01": Weakness(
        what="PKCE is not asked for",
        settings=lambda settings: replace(
            settings,
            clients=(
                ClientSettings(
                    client_id=_CLIENT, redirect_uris=("http://127.0.0.1:8484/callback",), require_pkce=False
                ),
            ),
        ),
    ),
    "AP-OAU-02": Weakness(
        what="a code can be used twice", patch=replacing(grants.SqliteGrants, "take_code", _take_again)
    ),
    "AP-OAU-06": Weakness(
        what="a refresh token can be used twice", patch=replacing(grants.SqliteGrants, "take_refresh", _refresh_again)
    ),
    "AP-OAU-03": Weakness(what="addresses are compared by their beginning", patch=_prefixes),
    "AP-OAU-05": Weakness(what="scripts can read the session's cookie", patch=_open_cookie),
    "AP-HTP-01": Weakness(what="a lenient protocol parses", protocol=LenientProtocol),
    "AP-HTP-02": Weakness(what="repeated headers are taken", patch=_first_header_only, protocol=HttpToolsProtocol),
    "AP-HTP-03": Weakness(
        what="every address is a trusted proxy",
        settings=lambda settings: _front(settings, trusted_proxies=("0.0.0.0/0", "::/0")),
    ),
    "AP-HTP-04": Weakness(what="paths are repaired", patch=_repaired_paths),
    "AP-HTP-05": Weakness(
        what="health checkers are let in by name",
        patch=letting_in(lambda visit: "HealthChecker" in visit.headers.get("user-agent", "")),
    ),
    "AP-HTP-06": Weakness(
        what="nothing bounds headers and URLs",
        settings=lambda settings: _front(
            settings, max_header_bytes=10**8, max_headers=10**6, max_url_bytes=10**8, max_body_bytes=10**8
        ),
    ),
    "AP-HTP-07": Weakness(
        what="no deadlines for headers and bodies",
        settings=lambda settings: _front(settings, header_timeout=600.0, body_timeout=600.0),
    ),
    "AP-HTP-09": Weakness(what="media types are not looked at", patch=replacing(body, "_media", lambda *_: None)),
    "AP-HTP-10": Weakness(what="JSON is read loosely", patch=replacing(body.strict_json, "read", _lax_read)),
    "AP-HTP-11": Weakness(what="every host name is answered", patch=without(host.Host)),
    "AP-HTP-12": Weakness(what="a debug route is served", patch=_guarded_route("/debug", b'{"env":{}}')),
    "AP-LIM-01": Weakness(
        what="users have no limit",
        settings=lambda settings: _front(settings, user_requests=10**9, address_requests=10**9),
    ),
    "AP-LIM-02": Weakness(what="the limit is counted late", patch=_racing_limit),
    "AP-LIM-04": Weakness(
        what="nothing bounds turns and streams of a user",
        settings=lambda settings: _front(settings, concurrent_turns=10**6, open_streams=10**6),
    ),
    "AP-LIM-06": Weakness(what="a key stands for any body", patch=_keys_without_bodies),
    "AP-SES-05": Weakness(what="a body may name the user", patch=_body_names_the_user),
    "AP-SES-01": Weakness(
        what="conversations are found without their owner",
        patch=replacing(conversations, "_GET", _NO_OWNER.format(columns=conversations._COLUMNS)),
    ),
    "AP-SES-02": Weakness(
        what="sessions are names of their own",
        pattern="two-doors",
        patch=replacing(runtime_host, "owner_of", lambda _: "x"),
    ),
    "AP-SES-03": Weakness(
        what="the list does not ask whose it is",
        patch=replacing(conversations, "_PAGE", conversations._PAGE.replace("owner = ?", "? <> ''")),
    ),
    "AP-SES-04": Weakness(
        what="turns are found without their owner",
        patch=replacing(turns, "_GET", turns._GET.replace("owner = ?", "? <> ''")),
    ),
    "AP-SES-08": Weakness(what="everybody is an operator", patch=_everybody_is_an_operator),
    "AP-AUD-04": Weakness(what="requests are logged as they came", patch=_logging_everything(LOG)),
    "AP-AUD-07": Weakness(what="whole requests are logged", patch=_logging_everything(LOG)),
}
