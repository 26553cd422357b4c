"""Verifies users' tokens for one issuer. The front door asks it; so does the agent door that takes users' tokens.

It refuses everything but a plain signed JWT of that issuer, made for this audience, by a key the issuer publishes now.
"""

from typing import Any

from doorward.errors import Unauthenticated
from doorward.identity.claims import TokenRules, check_issuer, id_token_refusal, user_from, user_of, validity
from doorward.identity.compact import CompactJwt, check_size, digest_of, parse_compact
from doorward.identity.key_set import KeySet, algorithm_name, signature_holds
from doorward.identity.keys_source import KeySource
from doorward.identity.token_cache import Verified, VerifiedTokens
from doorward.model.principals import User
from doorward.ports.clock import Clock


class UserTokenVerifier:
    """`ports.identity.TokenVerifier` for one issuer and one audience. Fails closed.

    A token seen before costs one hash, as long as its time lasts and the issuer's key set is the one it was verified
    with. `cache` may be shared by verifiers; leave it out for one of its own.
    """

    def __init__(
        self, rules: TokenRules, keys: KeySource, clock: Clock, *, cache: VerifiedTokens | None = None
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._clock = clock
        self._cache = VerifiedTokens() if cache is None else cache
        self._fingerprint = rules.fingerprint()

    async def verify(self, token: str) -> User:
        """The user `token` names; see the port for the codes of refusals."""
        check_size(token)
        now = self._clock()
        keys = self._keys.current(now)
        if keys is None:
            keys = await self._keys.refreshed()
        cache_key = self._fingerprint + digest_of(token)
        user = self._cache.get(cache_key, now=now, digest=keys.digest)
        if user is not None:
            return user
        return await self._verify_anew(token, cache_key, keys)

    async def _verify_anew(self, token: str, cache_key: bytes, keys: KeySet) -> User:
        parsed, keys = await _signed(token, self._rules, self._keys, keys)
        begin, end = validity(self._rules, parsed.claims, self._clock())
        user = user_of(self._rules, parsed)
        self._cache.put(cache_key, Verified(user=user, not_before=begin, not_after=end, digest=keys.digest))
        return user


class IdTokenVerifier:
    """Reads the ID token of a sign-in that we began ourselves (OIDC Core 3.1.3.7), and nothing but an ID token. Fulfils
    `ports.identity.TokenVerifier`. Fails closed.

    Checks signature, ``iss``, ``aud`` (`client_id` alone), ``azp``, ``exp``, ``iat``; the nonce and ``at_hash`` are the
    caller's, who knows what they must be. Of `rules` it uses issuer, algorithms and clock skew.
    """

    def __init__(self, rules: TokenRules, client_id: str, keys: KeySource, clock: Clock) -> None:
        self._rules = rules
        self._clients = frozenset({client_id})
        self._keys = keys
        self._clock = clock

    async def verify(self, token: str) -> User:
        """The user who signed in; see the port for the codes of refusals."""
        return user_from(self._rules, await self.claims(token))

    async def claims(self, token: str) -> dict[str, Any]:
        """All claims of the token, with the same refusals."""
        check_size(token)
        keys = self._keys.current(self._clock())
        if keys is None:
            keys = await self._keys.refreshed()
        parsed, _ = await _signed(token, self._rules, self._keys, keys)
        validity(self._rules, parsed.claims, self._clock())
        refusal = id_token_refusal(self._clients, parsed)
        if refusal is not None:
            raise refusal
        return parsed.claims


async def _signed(token: str, rules: TokenRules, source: KeySource, keys: KeySet) -> tuple[CompactJwt, KeySet]:
    """The token, once its signature holds, and the key set that says so: `keys`, or a newer one if its key is new."""
    parsed = parse_compact(token)
    algorithm = algorithm_name(parsed.algorithm)
    if algorithm not in rules.algorithms:
        raise _untrusted("Its algorithm is not taken.")
    check_issuer(rules, parsed.claims)
    key = keys.find(parsed.key_id, algorithm)
    if key is None:
        newer = await source.newer_than(keys, parsed.key_id)
        key = None if newer is None else newer.find(parsed.key_id, algorithm)
        if newer is None or key is None:
            raise _untrusted("Its key is unknown.")
        keys = newer
    if not signature_holds(key, algorithm, parsed.signing_input, parsed.signature):
        raise _untrusted("Its signature does not hold.")
    return parsed, keys


def _untrusted(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The token cannot be trusted. {reason}", code="token_signature")
