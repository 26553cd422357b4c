"""What the sloppy deployment's parts share: requests, answers, and the sign-in with its browser sessions."""

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode

from doorward.http.asgi import Scope

REDIRECT = "http://127.0.0.1:8484/callback"
Answer = tuple[int, dict[str, str], bytes]


class Request:
    """What came in, with nothing refused."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.method = scope["method"]
        self.path = scope["raw_path"].decode("latin-1")
        self.query = {k: v[0] for k, v in parse_qs(scope["query_string"].decode(), keep_blank_values=True).items()}
        self.fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        self.body = body

    def header(self, name: str) -> str:
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def cookies(self) -> list[tuple[str, str]]:
        pairs = [part.strip().partition("=") for part in self.header("cookie").split(";") if part.strip()]
        return [(name, value) for name, _, value in pairs]

    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode("latin-1"), keep_blank_values=True).items()}


class SignInDesk:
    """Authorization code flow, refresh tokens, browser sessions. `flaws` are names; without any it is sound."""

    def __init__(self, *flaws: str) -> None:
        self.flaws = frozenset(flaws)
        self.url = ""
        self.users = {"user-one": "password-one-1", "user-two": "password-two-2"}
        self.tokens: dict[str, str] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.refresh: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, str] = {}
        self.pending: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        self.log: list[str] = []

    def has(self, flaw: str) -> bool:
        return flaw in self.flaws

    def user(self, request: "Request") -> str:
        raise NotImplementedError

    def forged(self, request: "Request") -> bool:
        raise NotImplementedError

    # -- the sign-in --------------------------------------------------------------------------------------------------

    async def authorize(self, request: Request) -> Answer:
        asked = request.query if request.method == "GET" else request.form()
        if not self.uri_fits(asked.get("redirect_uri", "")):
            return refusal(400)
        weak = asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43
        if weak and not self.has("needs no pkce"):
            return refusal(400)
        if asked.get("response_type") != "code":
            return refusal(400)
        if request.method == "GET":
            hidden = "".join(f'<input name="{k}" value="{v}">' for k, v in asked.items())
            form = f'<form action="/authorize">{hidden}<input name="username"><input name="password"></form>'
            return 200, {"content-type": "text/html"}, form.encode()
        return self.password(request, asked)

    def uri_fits(self, uri: str) -> bool:
        own = f"{self.url}/session/callback"
        if self.has("compares the beginning of redirect uris"):
            return uri.startswith((REDIRECT, own))
        return uri in (REDIRECT, own)

    def password(self, request: Request, asked: dict[str, str]) -> Answer:
        name = asked.get("username", "")
        place = request.header("x-forwarded-for") if self.has("believes x-forwarded-for") else ""
        if self.failures.get(f"{name} {place}", 0) >= 5:
            return refusal(429)
        if self.users.get(name) != asked.get("password"):
            self.log.append(f"failed sign-in of {name if self.has('logs raw headers') else repr(name)}")
            self.failures[f"{name} {place}"] = self.failures.get(f"{name} {place}", 0) + 1
            return refusal(403)
        code = secrets.token_urlsafe(24)
        self.codes[code] = {**asked, "user": name, "family": secrets.token_hex(8)}
        answer = urlencode({"code": code, "state": asked.get("state", "")})
        return 303, {"location": f"{asked['redirect_uri']}?{answer}"}, b""

    async def token(self, request: Request) -> Answer:
        form = request.form()
        if form.get("grant_type") == "refresh_token":
            return self.refreshed(form.get("refresh_token", ""))
        code = self.codes.get(form.get("code", ""))
        if code is None:
            return refusal(400)
        if code.get("used") and not self.has("takes codes twice"):
            if not self.has("keeps what a stolen code gave"):
                self.revoke(code["family"])
            return refusal(400)
        if not self.has("asks for no verifier") and challenge(form.get("code_verifier", "")) != code.get(
            "code_challenge"
        ):
            return refusal(400)
        if form.get("redirect_uri") != code["redirect_uri"]:
            return refusal(400)
        code["used"] = True
        return self.issue(code["user"], code["family"])

    def refreshed(self, given: str) -> Answer:
        found = self.refresh.get(given)
        if found is None or found.get("revoked"):
            return refusal(400)
        if found.get("used") and not self.has("takes refresh tokens twice"):
            if not self.has("keeps the family"):
                self.revoke(found["family"])
            return refusal(400)
        found["used"] = True
        return self.issue(found["user"], found["family"])

    def revoke(self, family: str) -> None:
        for token in self.refresh.values():
            if token["family"] == family:
                token["revoked"] = True

    def issue(self, user: str, family: str) -> Answer:
        access, refresh = f"{user}.{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(24)}", secrets.token_urlsafe(24)
        self.tokens[access] = user
        self.refresh[refresh] = {"user": user, "family": family}
        return as_json({"access_token": access, "refresh_token": refresh})

    # -- browser sessions ---------------------------------------------------------------------------------------------

    async def begin(self, request: Request) -> Answer:
        goal = request.query.get("return_to", "/")
        if not self.has("returns anywhere") and not goal.removeprefix("/").isalnum() and goal != "/":
            return refusal(400)
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        self.pending[state] = goal
        asked = {
            "response_type": "code", "client_id": "page", "redirect_uri": f"{self.url}/session/callback",
            "state": state, "code_challenge": challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        cookie = {"set-cookie": f"pending={state}; HttpOnly; SameSite=Lax; Path=/"}
        return 303, {"location": f"{self.url}/authorize?{urlencode(asked)}", **cookie}, b""

    async def callback(self, request: Request) -> Answer:
        state = request.query.get("state", "")
        known = state in self.pending and dict(request.cookies()).get("pending") == state
        code = self.codes.get(request.query.get("code", ""), {})
        if not code or (not known and not self.has("takes any state")):
            return refusal(403)
        goal = self.pending.pop(state, "/")
        before = dict(request.cookies()).get("sid", "")
        if not self.has("keeps old sessions"):
            self.sessions.pop(before, None)
        sid = before if before and self.has("keeps planted ids") else secrets.token_urlsafe(24)
        self.sessions[sid] = code["user"]
        marks = "" if self.has("sets a bare cookie") else "; HttpOnly; SameSite=Lax"
        return 303, {"location": goal, "set-cookie": f"sid={sid}; Path=/{marks}"}, b""

    async def leave(self, request: Request) -> Answer:
        if not self.user(request) or self.forged(request):
            return refusal(401)
        if not self.has("forgets nobody at logout"):
            self.sessions.pop(dict(request.cookies()).get("sid", ""), None)
        return as_json({})


def refusal(status: int) -> Answer:
    return status, {"content-type": "application/json"}, b'{"error":"no"}'


def as_json(value: object, headers: dict[str, str] | None = None) -> Answer:
    return 200, {"content-type": "application/json", **(headers or {})}, json.dumps(value).encode()


def csrf(sid: str) -> str:
    return hashlib.sha256(f"csrf {sid}".encode()).hexdigest()


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def no(_: str) -> Any:
    raise ValueError
