"""Plain data of the embedded sign-in and of browser sessions. Times are seconds since 1970."""

from msgspec import Struct

from doorward.model.secret import Secret


class Client(Struct, frozen=True, kw_only=True):
    """An OAuth client from the configuration. Redirect URIs are compared exactly; without `secret` it is public."""

    client_id: str
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...] = ()
    require_pkce: bool = True
    secret: Secret | None = None


class Account(Struct, frozen=True, kw_only=True):
    """A user of the embedded sign-in. `password_hash` is argon2id's encoded form."""

    subject: str
    username: str
    email: str
    password_hash: str
    roles: frozenset[str] = frozenset()
    disabled: bool = False
    created_at: float = 0.0


class AuthorizationCode(Struct, frozen=True, kw_only=True):
    """A code that can be redeemed once. Only the SHA-256 of the code itself is kept (`code_hash`, hex)."""

    code_hash: str
    client_id: str
    redirect_uri: str
    subject: str
    scope: str
    nonce: str | None
    code_challenge: str | None
    auth_time: float
    expires_at: float
    family: str


class RefreshToken(Struct, frozen=True, kw_only=True):
    """A refresh token that can be used once. Using it twice revokes its whole `family`."""

    token_hash: str
    family: str
    client_id: str
    subject: str
    scope: str
    auth_time: float
    expires_at: float


class BrowserSession(Struct, frozen=True, kw_only=True):
    """A signed-in browser. The cookie holds the id; the store only its SHA-256. Tokens never leave the server."""

    id_hash: str
    issuer: str
    subject: str
    username: str
    email: str | None
    roles: frozenset[str]
    csrf_token: Secret
    id_token: Secret
    access_token: Secret
    refresh_token: Secret | None
    created_at: float
    expires_at: float
    tenant: str = ""
