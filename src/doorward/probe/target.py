"""What the probe is told about a deployment: only what an outsider with an account could have learnt."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from doorward.model.secret import Secret


class Account(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user of the target. Either a `token` that was given, or what is needed to get one."""

    username: str = ""
    password: Secret | None = None
    token: Secret | None = None


class SignIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How tokens are got: ``given``, ``code`` (OIDC authorization code with PKCE through a sign-in form) or ``cognito``
    (Cognito's InitiateAuth with USER_PASSWORD_AUTH at `cognito_url`)."""

    kind: Literal["given", "code", "cognito"] = "given"
    issuer: str = ""
    authorize_endpoint: str = ""
    token_endpoint: str = ""
    client_id: str = ""
    redirect_uri: str = ""
    scope: str = "openid email profile"
    cognito_url: str = ""


class Chat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a normal chat looks like: a POST of a JSON object to `path` at the front door, with the prompt in the field
    `prompt_field`. `canary` is a text that a normal answer to `prompt` holds. `slow_prompt` is one whose answer takes
    some seconds, where there is one. `remember` with a word in place of ``{word}`` tells the agent something that it
    gives back, in the same session, when asked `recall`."""

    path: str = "/api/chat"
    prompt_field: str = "message"
    prompt: str = "hello"
    canary: str = ""
    session_field: str = "session_id"
    slow_prompt: str = ""
    remember: str = "my name is {word}"
    recall: str = "what is my name?"


class Workload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workload's key, for attacks that need a captured signed call; an operator who owns the target can give one."""

    region: str
    access_key_id: str
    secret_access_key: Secret


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deployment.

    `front_door` is the URL users call; empty when there is none (pattern `direct`). `agent_urls` are the agent's
    endpoints as an attacker may have learnt them, complete URLs of plain POST endpoints; with `agent_door` and
    `agent_arn` the AgentCore invocation URL is made from them. `whoami` is a cheap GET that needs a user's token.
    `metrics` are URLs of Prometheus pages with the house's own counters, where the owner lets the probe read them.
    `history` is the path of the list of conversations, with ``/{id}`` and ``/{id}/export`` beneath it, and `turns`
    that of turns, with ``/{id}``, ``/{id}/events`` and ``/{id}/cancel``; empty where there are none. At
    `session_sign_in` a browser begins to sign in at the front door, with `session_sign_out` it POSTs to leave.
    An owner may also give `issuer_key`, the issuer's private signing key (a JWK or PEM), so that the probe can sign
    tokens whose claims are wrong; a token of a user whose time is over (`expired_token`); and one whose signing key the
    issuer has removed (`retired_token`).
    """

    name: Annotated[str, Meta(min_length=1)]
    pattern: str = ""
    front_door: str = ""
    agent_door: str = ""
    agent_arn: str = ""
    agent_urls: tuple[str, ...] = ()
    websocket_url: str = ""
    whoami: str = ""
    history: str = ""
    turns: str = ""
    session_sign_in: str = ""
    session_sign_out: str = ""
    sign_in: SignIn = field(default_factory=SignIn)
    chat: Chat = field(default_factory=Chat)
    users: tuple[Account, ...] = ()
    workload: Workload | None = None
    issuer_key: Secret | None = None
    expired_token: Secret | None = None
    retired_token: Secret | None = None
    metrics: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    price_per_run: float = 0.01
    currency: str = "USD"
