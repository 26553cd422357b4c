"""What the issuer says about itself: discovery and keys. Anybody may read both, from any origin."""

from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.sign_in.authorization import SCOPES
from doorward.sign_in.signing import SigningKeys

_CACHE = [(b"cache-control", b"public, max-age=60")]


class Metadata:
    """OIDC Discovery 1.0 section 3 and the JWK set (RFC 7517). Both are made once."""

    def __init__(self, issuer: str, keys: SigningKeys) -> None:
        self._configuration = configuration(issuer)
        self._keys = keys.jwks()

    async def discovery(self, _request: Request) -> Response:
        """``/.well-known/openid-configuration``."""
        return json_response(self._configuration, headers=_CACHE)

    async def jwks(self, _request: Request) -> Response:
        """``/.well-known/jwks.json``."""
        return json_response(self._keys, headers=_CACHE)


def configuration(issuer: str) -> dict[str, object]:
    """The discovery document of an issuer whose endpoints have Cognito's paths."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "userinfo_endpoint": f"{issuer}/oauth2/userInfo",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "end_session_endpoint": f"{issuer}/logout",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": list(SCOPES),
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "at_hash",
            "email",
            "email_verified",
            "cognito:username",
            "cognito:groups",
            "token_use",
        ],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
