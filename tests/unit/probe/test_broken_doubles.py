"""Each bypass and token row turns to `succeeded` where that one defence is missing: a probe that cannot fail proves
nothing. And on a sound deployment that is not ours every row is blocked."""

import asyncio
import hmac
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from msgspec.structs import replace
from tests.unit.probe.double import Answer, Double, Visit, attacked, served, verified

from doorward.model.secret import Secret
from doorward.probe.attack import Attack
from doorward.probe.catalogue import all_attacks
from doorward.probe.finding import Finding, Result
from doorward.probe.forgery import Jwt, decode, public_spellings, take_apart
from doorward.probe.lab import Lab
from doorward.probe.signed_call import TURN_HEADER, USER_HEADER
from doorward.probe.target import Account, Target

pytestmark = pytest.mark.anyio

ATTACKS = {attack.id: attack for attack in all_attacks() if attack.id.startswith(("AP-BYP-", "AP-JWT-"))}


async def _run(attack_id: str, double: Double, **changes: Any) -> Finding:
    async with attacked(double, **changes) as lab:
        return await ATTACKS[attack_id].run(lab)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_a_sound_deployment_is_blocked_in_every_row(attack: Attack) -> None:
    async with attacked(Double()) as lab:
        found = await attack.run(lab)
    blocked = {Result.BLOCKED, Result.NOT_APPLICABLE} if attack.id == "AP-BYP-03" else {Result.BLOCKED}
    assert found.result in blocked, found.sentence


# -- broken ways to check a token -----------------------------------------------------------------------------------


class TakesUnsigned(Double):
    async def signature_holds(self, jwt: Jwt) -> bool:
        return str(jwt.header.get("alg")).strip().lower() == "none" or await super().signature_holds(jwt)


class TakesHmac(Double):
    """As a library does that is given the public key's PEM and no list of algorithms."""

    async def signature_holds(self, jwt: Jwt) -> bool:
        secret = public_spellings(self.signer.public_jwk())["PEM"]
        if jwt.header.get("alg") == "HS256":
            return hmac.digest(secret, jwt.signed.encode(), "sha256") == decode(jwt.signature)
        return await super().signature_holds(jwt)


class LaxHeader(Double):
    """Reads whatever the header has."""

    def parse(self, token: str) -> Jwt | None:
        return take_apart(token) if len(token) < 16_000 else None


class BelievesHeaderKey(LaxHeader):
    async def signature_holds(self, jwt: Jwt) -> bool:
        if "jwk" in jwt.header:
            return verified(jwt, RSAKey.import_key(jwt.header["jwk"]).public_key)
        return await super().signature_holds(jwt)


class FetchesHeaderKey(LaxHeader):
    """Blind: it fetches, and refuses the token all the same."""

    async def signature_holds(self, jwt: Jwt) -> bool:
        if "jku" in jwt.header and "@" not in jwt.header["jku"]:
            await asyncio.to_thread(_fetch, jwt.header["jku"])
        return await super().signature_holds(jwt)


class ReadsKeyFiles(Double):
    async def signature_holds(self, jwt: Jwt) -> bool:
        path = str(jwt.header.get("kid"))
        if jwt.header.get("alg") == "HS256" and path.startswith("/dev/"):
            secret = await asyncio.to_thread(Path(path).read_bytes)
            return hmac.digest(secret, jwt.signed.encode(), "sha256") == decode(jwt.signature)
        return await super().signature_holds(jwt)


class FetchesUnknownKeys(Double):
    """Asks the issuer for each unknown key id; after the fiftieth the issuer has had enough."""

    def __init__(self) -> None:
        super().__init__()
        self.fetches = 0

    async def answer(self, visit: Visit) -> Answer:
        return (503, {}) if self.fetches > 50 and visit.path == "/whoami" else await super().answer(visit)

    async def signature_holds(self, jwt: Jwt) -> bool:
        self.fetches += jwt.header.get("kid") != self.signer.key_id
        return await super().signature_holds(jwt)


class AnyAudience(Double):
    def audience_holds(self, claims: dict[str, Any]) -> bool:
        return True


class AnyIssuer(Double):
    def issuer_holds(self, claims: dict[str, Any]) -> bool:
        return str(claims.get("iss", "")).rstrip("/") == self.url


class AsksAnyIssuer(Double):
    """Looks for keys where the token says its issuer is, before it looks whether that is the right one."""

    async def signature_holds(self, jwt: Jwt) -> bool:
        issuer = jwt.claims.get("iss")
        if isinstance(issuer, str) and issuer.startswith("http://127.0.0.1:") and issuer != self.url:
            await asyncio.to_thread(_fetch, f"{issuer}/.well-known/openid-configuration")
        return await super().signature_holds(jwt)


class AnyTime(Double):
    def time_holds(self, claims: dict[str, Any]) -> bool:
        return True


class AnyKind(Double):
    async def user(self, token: str) -> str | None:
        jwt = self.parse(token)
        return str(jwt.claims["sub"]) if jwt is not None and await self.signature_holds(jwt) else None


class LaxBase64(Double):
    def parse(self, token: str) -> Jwt | None:
        return super().parse(token.rstrip("="))


class LastNameWins(Double):
    def parse(self, token: str) -> Jwt | None:
        return take_apart(token) if len(token) < 16_000 else None


class ReadsBigTokens(Double):
    """A second's work for each 100 kB, as an inflating or decrypting reader has it."""

    async def user(self, token: str) -> str | None:
        if len(token) > 100_000:
            await asyncio.sleep(1.2)  # stands for the work
        return await super().user(token)


class KeepsOldKeys(Double):
    async def signature_holds(self, jwt: Jwt) -> bool:
        return jwt.header.get("kid") == "double-0" or await super().signature_holds(jwt)


class CachesBySignature(Double):
    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[str, str] = {}

    async def user(self, token: str) -> str | None:
        signature = token.rsplit(".", 1)[-1]
        if signature and signature in self.cache:
            return self.cache[signature]
        subject = await super().user(token)
        if subject:
            self.cache[signature] = subject
        return subject


def _fetch(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        answer.read()


TOKENS: list[tuple[str, Callable[[], Double]]] = [
    ("AP-JWT-01", TakesUnsigned),
    ("AP-JWT-02", TakesHmac),
    ("AP-JWT-03", BelievesHeaderKey),
    ("AP-JWT-04", FetchesHeaderKey),
    ("AP-JWT-05", ReadsKeyFiles),
    ("AP-JWT-05", FetchesUnknownKeys),
    ("AP-JWT-06", AnyAudience),
    ("AP-JWT-07", AnyIssuer),
    ("AP-JWT-07", AsksAnyIssuer),
    ("AP-JWT-08", AnyTime),
    ("AP-JWT-09", AnyKind),
    ("AP-JWT-10", LaxBase64),
    ("AP-JWT-11", LastNameWins),
    ("AP-JWT-12", ReadsBigTokens),
    ("AP-JWT-13", KeepsOldKeys),
    ("AP-JWT-14", CachesBySignature),
]


@pytest.mark.parametrize(("attack_id", "broken"), TOKENS, ids=lambda item: getattr(item, "__name__", item))
async def test_a_broken_check_of_tokens_is_found(attack_id: str, broken: Callable[[], Double]) -> None:
    found = await _run(attack_id, broken())
    assert found.result is Result.SUCCEEDED, found.sentence


# -- broken doors ---------------------------------------------------------------------------------------------------


class AgentTakesUsers(Double):
    async def agent_door(self, visit: Visit) -> bool:
        return await self.front_door(visit) is not None or await super().agent_door(visit)


class AgentTakesAnybody(Double):
    async def agent_door(self, visit: Visit) -> bool:
        return True


class AgentRunsCommands(Double):
    async def answer(self, visit: Visit) -> Answer:
        return (200, {}) if visit.path.endswith("/commands") else await super().answer(visit)


class TakesCookies(Double):
    async def front_door(self, visit: Visit) -> str | None:
        cookie = visit.header("cookie").removeprefix("access_token=")
        return await (self.user(cookie) if cookie else super().front_door(visit))


class TakesTheLastOfTwo(Double):
    async def front_door(self, visit: Visit) -> str | None:
        given = visit.credentials()
        return await self.user(given[-1].removeprefix("Bearer ")) if given else None


class AgentTakesUsersAsTurns(Double):
    async def agent_door(self, visit: Visit) -> bool:
        return await self.user(visit.header(TURN_HEADER)) is not None or await super().agent_door(visit)


class FrontDoorTakesServices(Double):
    async def front_door(self, visit: Visit) -> str | None:
        return "service" if self.signed(visit) else await super().front_door(visit)


class ForgetsSignatures(Double):
    def is_used(self, visit: Visit) -> bool:
        return False


class NoticesReplaysTooLate(Double):
    """Looks first and writes later: copies that race are all let in."""

    async def agent_door(self, visit: Visit) -> bool:
        if not self.signed(visit) or visit.header("authorization") in self.used:
            return False
        await asyncio.sleep(0.05)  # the write
        return not self.is_used(visit) or True


class SignsTheHeadOnly(Double):
    def signed(self, visit: Visit) -> bool:
        return bool(visit.body) and visit.header("authorization").startswith("AWS4-HMAC-SHA256 Credential=DWK")


class BelievesUserHeader(Double):
    async def front_door(self, visit: Visit) -> str | None:
        subject = await super().front_door(visit)
        return subject and (visit.header(USER_HEADER) or subject)


class BelievesUnderscores(Double):
    """As behind a server that makes `-` of `_`, when only the spelling with `-` is dropped at the edge."""

    async def front_door(self, visit: Visit) -> str | None:
        subject = await super().front_door(visit)
        return subject and (visit.header("x_user_id") or subject)


class MixesUpSessions(Double):
    """One memory for everybody."""

    def say(self, visit: Visit, subject: str) -> dict[str, str]:
        return super().say(visit, (visit.header("x-session-id") and "user-two") or subject)


class AnybodyMayAct(Double):
    def may_act(self, visit: Visit) -> bool:
        return True


DOORS: list[tuple[str, Callable[[], Double]]] = [
    ("AP-BYP-01", AgentTakesUsers),
    ("AP-BYP-01", AgentTakesAnybody),
    ("AP-BYP-01", AgentRunsCommands),
    ("AP-BYP-02", TakesCookies),
    ("AP-BYP-02", TakesTheLastOfTwo),
    ("AP-BYP-04", AgentTakesUsersAsTurns),
    ("AP-BYP-04", FrontDoorTakesServices),
    ("AP-BYP-05", ForgetsSignatures),
    ("AP-BYP-05", NoticesReplaysTooLate),
    ("AP-BYP-06", SignsTheHeadOnly),
    ("AP-BYP-07", BelievesUserHeader),
    ("AP-BYP-07", BelievesUnderscores),
    ("AP-BYP-07", MixesUpSessions),
    ("AP-BYP-08", AnybodyMayAct),
    ("AP-BYP-09", AgentTakesUsers),
]


@pytest.mark.parametrize(("attack_id", "broken"), DOORS, ids=lambda item: getattr(item, "__name__", item))
async def test_a_broken_door_is_found(attack_id: str, broken: Callable[[], Double]) -> None:
    found = await _run(attack_id, broken())
    assert found.result is Result.SUCCEEDED, found.sentence


async def test_a_web_socket_that_takes_the_users_token_is_found() -> None:
    """AP-BYP-01 over the AgentCore operation that is no POST."""

    async def switch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        agreed = b"upgrade: websocket" in head.lower() and b"authorization: bearer ey" in head.lower()
        status = b"101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade" if agreed else b"403 No"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(switch, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await _run("AP-BYP-01", Double(), websocket_url=f"ws://127.0.0.1:{port}/ws")
    assert found.result is Result.SUCCEEDED, found.sentence
    assert "101" in found.sentence


async def test_an_agent_on_every_address_of_the_machine_is_found() -> None:
    """AP-BYP-03."""
    async with attacked(Double(), host="0.0.0.0") as lab:  # noqa: S104 - that is what is to be found
        if await ATTACKS["AP-BYP-03"].applies(lab):
            pytest.skip("this machine has loopback only")
        found = await ATTACKS["AP-BYP-03"].run(lab)
    assert found.result is Result.SUCCEEDED, found.sentence


# -- what a result may not hide -------------------------------------------------------------------------------------


class Crashes(Double):
    async def signature_holds(self, jwt: Jwt) -> bool:
        if jwt.header.get("alg") != "RS256":
            raise RuntimeError("crashed")
        return await super().signature_holds(jwt)

    async def answer(self, visit: Visit) -> Answer:
        try:
            return await super().answer(visit)
        except RuntimeError:
            return 500, {}


class Limits(Double):
    """Answers 429 to whatever it does not like, before it looks at it."""

    async def answer(self, visit: Visit) -> Answer:
        status, value = await super().answer(visit)
        return (429, {}) if status == 401 and visit.credentials() else (status, value)


class TakesNobody(Double):
    async def user(self, token: str) -> str | None:
        return None


@pytest.mark.parametrize("double", [Crashes, Limits, TakesNobody])
async def test_a_crash_a_limit_or_a_failed_control_is_never_called_blocked(double: Callable[[], Double]) -> None:
    found = await _run("AP-JWT-01", double())
    assert found.result is Result.INCONCLUSIVE, found.sentence


async def test_without_the_issuers_key_the_report_says_what_was_not_shown() -> None:
    found = await _run("AP-JWT-08", AnyTime(), issuer_key=None)
    assert found.result is Result.BLOCKED
    assert "foreign signature" in found.sentence


async def test_a_given_key_that_is_not_the_issuers_is_no_control() -> None:
    other = RSAKey.generate_key(2048).as_pem(private=True).decode()
    found = await _run("AP-JWT-08", Double(), issuer_key=Secret(other))
    assert found.result is Result.INCONCLUSIVE


async def test_an_expired_token_that_was_given_is_shown() -> None:
    """AP-JWT-08 without the issuer's key: the one token that can show it."""
    double = AnyTime()
    async with attacked(double, issuer_key=None) as lab:
        old = replace(lab.target, expired_token=Secret(double.token("user-one", exp=1)))
        found = await ATTACKS["AP-JWT-08"].run(Lab(old))
    assert found.result is Result.SUCCEEDED


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_a_target_that_gives_little_is_not_judged(attack: Attack) -> None:
    """One user with an opaque token, a chat and nothing else: no row says blocked that could not be tried."""

    async def opaque(scope: Any, receive: Any, send: Any) -> None:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        status = 200 if given == [b"Bearer opaque"] else 401
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps({"response": "hello"}).encode()})

    async with served(opaque) as url:
        users = (Account(token=Secret("opaque")),)
        found = await attack.run(Lab(Target(name="little", front_door=url, users=users)))
    sound = {"AP-BYP-02", "AP-BYP-04", "AP-BYP-09"}  # these need no more than that
    assert found.result in ({Result.BLOCKED} if attack.id in sound else {Result.NOT_APPLICABLE}), found.sentence
