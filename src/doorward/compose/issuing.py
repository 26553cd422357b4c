"""Who signs users in, as parts: the embedded sign-in of this process, or any OIDC issuer by HTTP. Used by `gateway`."""

import time

import aiohttp
import msgspec
from msgspec import Struct

from doorward.compose.house import BROWSER_CLIENT, Places, clients, clients_allowed, is_embedded, issuer
from doorward.front_door.browser_session import BrowserSessions, SessionOptions
from doorward.front_door.browser_session_http import form_poster
from doorward.front_door.browser_session_provider import Discover, Provider
from doorward.front_door.sealed_sessions import SealedSessions
from doorward.http.routes import Route
from doorward.identity.claims import rules_of
from doorward.identity.discovery import CachedDiscovery, ProviderMetadata
from doorward.identity.fetch import HttpFetch
from doorward.identity.key_files import load_or_create_random, load_or_create_sign_in_keys
from doorward.identity.keys_source import HttpKeySource, KeyAges, KeySource, StaticKeySource
from doorward.identity.tokens import IdTokenVerifier, UserTokenVerifier
from doorward.model.secret import Secret
from doorward.model.settings import Settings
from doorward.ports.identity import TokenVerifier
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.enabled import EnabledAccounts
from doorward.sign_in.metadata import configuration
from doorward.sign_in.passwords import Passwords
from doorward.sign_in.routes import SignIn, routes
from doorward.sign_in.signing import SigningKeys
from doorward.stores.sqlite.open import GatewayStores


class Issuing(Struct, frozen=True, kw_only=True):
    """How users' tokens are verified, where their issuer is found, and the embedded sign-in's own parts, if it runs."""

    issuer: str
    verifier: TokenVerifier
    id_tokens: IdTokenVerifier
    keys: KeySource
    discover: Discover
    embedded: SignIn | None

    async def close(self) -> None:
        """Give up what is being fetched from the issuer."""
        if isinstance(self.keys, HttpKeySource):
            await self.keys.aclose()

    def routes(self) -> list[Route]:
        """The embedded sign-in's routes; none with an outside issuer."""
        return routes(self.embedded) if self.embedded is not None else []


def issuing(settings: Settings, stores: GatewayStores, http: aiohttp.ClientSession) -> Issuing:
    """The parts that the configuration asks for."""
    keys: KeySource
    verifier: TokenVerifier
    if is_embedded(settings):
        embedded = embedded_sign_in(settings, stores)
        keys = StaticKeySource(load_or_create_sign_in_keys(Places(settings).keys))
        verifier = EnabledAccounts(user_tokens(settings, keys), stores.accounts, time.time)
        metadata = msgspec.convert(configuration(issuer(settings)), ProviderMetadata)

        async def discover() -> ProviderMetadata:
            return metadata
    else:
        embedded = None
        fetch = HttpFetch(http)
        keys = issuer_keys(settings, fetch)
        verifier = user_tokens(settings, keys)
        discover = CachedDiscovery(issuer(settings), fetch, time.time).metadata
    own_client = settings.sign_in.client_id
    rules = rules_of(settings.sign_in, issuer=issuer(settings), clients=frozenset({own_client}))
    return Issuing(
        issuer=issuer(settings),
        verifier=verifier,
        id_tokens=IdTokenVerifier(rules, own_client, keys, time.time),
        keys=keys,
        discover=discover,
        embedded=embedded,
    )


def user_tokens(settings: Settings, keys: KeySource) -> UserTokenVerifier:
    """What both doors ask of a user's token."""
    rules = rules_of(
        settings.sign_in,
        issuer=issuer(settings),
        clients=clients_allowed(settings),
        id_tokens=settings.front_door.cognito_compatible,
    )
    return UserTokenVerifier(rules, keys, time.time)


def issuer_keys(settings: Settings, fetch: HttpFetch) -> HttpKeySource:
    """The issuer's keys by discovery."""
    ages = KeyAges(max_age=settings.sign_in.keys_max_age, max_stale=settings.sign_in.keys_max_stale)
    return HttpKeySource(issuer(settings), fetch, ages, time.time)


def embedded_sign_in(settings: Settings, stores: GatewayStores) -> SignIn:
    """The embedded sign-in's parts. Its keys are made at the first start."""
    keys = Places(settings).keys
    return SignIn(
        settings=settings.sign_in,
        issuer=issuer(settings),
        clients=clients(settings),
        accounts=Accounts(stores.accounts, Passwords(), time.time, grants=stores.grants),
        grants=stores.grants,
        signed_out=stores.signed_out,
        keys=SigningKeys(load_or_create_sign_in_keys(keys)),
        cookie_key=Secret(load_or_create_random(keys, "sign-in-cookie").hex()),
        ledger=stores.ledger,
        clock=time.time,
    )


def browser_sessions(
    settings: Settings, stores: GatewayStores, who: Issuing, http: aiohttp.ClientSession
) -> BrowserSessions:
    """Sign-in by the server for browsers."""
    provider = Provider(
        issuer=who.issuer,
        client_id=settings.sign_in.client_id,
        client_secret=settings.sign_in.client_secret,
        discover=who.discover,
        post_form=form_poster(http),
        id_tokens=who.id_tokens,
    )
    key = load_or_create_random(Places(settings).keys, "session-seal")
    options = SessionOptions(public_url=settings.gateway.public_url, ttl=settings.sign_in.session_ttl, sealing_key=key)
    return BrowserSessions(SealedSessions(stores.sessions, key), provider, options, time.time)


def browser_client(settings: Settings) -> str:
    """The public client of the page in pattern `direct`."""
    return BROWSER_CLIENT if is_embedded(settings) else settings.sign_in.client_id
