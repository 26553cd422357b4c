"""How a door learns who knocks with a token."""

from typing import Protocol

from doorward.model.principals import TurnIdentity, User


class TokenVerifier(Protocol):
    """Verifies a user's token. Fails closed: raises `Unauthenticated` with one of the codes ``token_malformed``,
    ``token_expired``, ``token_not_yet_valid``, ``token_signature``, ``token_issuer``, ``token_audience``,
    ``token_type``, ``token_claims``; `StoreUnavailable` (``keys_unavailable``) when no keys can be had."""

    async def verify(self, token: str) -> User: ...


class TurnTokens(Protocol):
    """Mints and verifies turn tokens (EdDSA JWT, type ``turn+jwt``)."""

    def mint(self, identity: TurnIdentity) -> str: ...

    def verify(self, token: str, *, audience: str) -> TurnIdentity:
        """Raises `Unauthenticated` (``turn_token_invalid``)."""
        ...
