"""Where a verifier's keys come from: this process, or an issuer's published key set that is kept and renewed.

Token verifiers hold one. It refuses keys older than its limit, and asks the issuer no more often than it should.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

import structlog
from joserfc.jwk import Key
from msgspec import Struct

from doorward.errors import StoreUnavailable
from doorward.identity.discovery import CachedDiscovery, Fetch, invalid
from doorward.identity.key_set import KeySet, parse_key_set
from doorward.ports.clock import Clock

log = structlog.get_logger()

LOAD_TIMEOUT = 5.0
UNKNOWN_KEY_COOL_DOWN = 30.0
UNKNOWN_KEY_MEMORY = 60.0
UNKNOWN_KEYS_REMEMBERED = 1024
JUST_LOADED = 5.0
RETRY_AFTER_FAILURE = 5.0
RENEW_AT = 0.8


class KeySource(Protocol):
    """The issuer's keys. Fails closed: `StoreUnavailable` (``keys_unavailable``) when there are none to go by."""

    def current(self, now: float) -> KeySet | None:
        """The keys, if they may be used without asking anybody; else None: then await `refreshed`. Cheap: the hot
        path calls it for every token."""
        ...

    async def refreshed(self) -> KeySet:
        """The keys, after asking the issuer where that is due."""
        ...

    async def newer_than(self, seen: KeySet, key_id: str | None) -> KeySet | None:
        """Called when `seen` lacks a key that a token names: another key set if there is one by now, else None. Asks
        the issuer at most once per cool-down, whatever tokens name."""
        ...


class StaticKeySource:
    """Keys of this process (the embedded sign-in). `replace` swaps all of them at once."""

    def __init__(self, keys: Iterable[Key]) -> None:
        """`keys` may hold private halves; only the public ones are kept."""
        self._keys = _public(keys)

    def replace(self, keys: Iterable[Key]) -> None:
        """From now on only these. Tokens verified with the old set are verified anew."""
        self._keys = _public(keys)

    def current(self, now: float) -> KeySet | None:  # noqa: ARG002 - keys of our own do not age
        return self._keys

    async def refreshed(self) -> KeySet:
        return self._keys

    async def newer_than(self, seen: KeySet, key_id: str | None) -> KeySet | None:  # noqa: ARG002 - nobody to ask
        return None if self._keys is seen else self._keys


class KeyAges(Struct, frozen=True, kw_only=True):
    """How old keys may get, in seconds: fetched anew after `max_age`; while the issuer is down they serve until
    `max_stale` after they were fetched."""

    max_age: float = 300.0
    max_stale: float = 3600.0


class HttpKeySource:
    """The key set of an OIDC issuer, found by discovery (F-09, F-10, AP-JWT-05, AP-JWT-13).

    Renewed in the background from four fifths of `max_age` on. Keys past `max_age` are used only when the issuer was
    asked and did not answer, and never past `max_stale`. One fetch at a time; after a failure the next waits 5 s.
    """

    def __init__(self, issuer: str, fetch: Fetch, ages: KeyAges, clock: Clock) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._ages = ages
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._renew_at = 0.0
        self._failed_at: float | None = None
        self._asked_for_unknown_at: float | None = None
        self._unknown: OrderedDict[str | None, float] = OrderedDict()
        self._discovery = CachedDiscovery(issuer, fetch, clock)
        self._flight: asyncio.Task[None] | None = None

    def current(self, now: float) -> KeySet | None:
        return self._keys if self._fetched_at <= now < self._renew_at else None

    async def refreshed(self) -> KeySet:
        now = self._clock()
        usable = self._usable(now)
        flight = self._depart(now)
        if flight is not None and (usable is None or self._must_wait(now)):
            await asyncio.shield(flight)
            usable = self._usable(self._clock())
        if usable is None:
            raise StoreUnavailable("The issuer's keys are not available.", code="keys_unavailable")
        return usable

    async def newer_than(self, seen: KeySet, key_id: str | None) -> KeySet | None:
        if self._keys is None or self._keys.digest == seen.digest:
            flight = self._depart_for(key_id, self._clock())
            if flight is None:
                return None
            await asyncio.shield(flight)
        if self._keys is not None and self._keys.digest != seen.digest:
            return self._keys
        self._remember_unknown(key_id, self._clock())
        return None

    async def aclose(self) -> None:
        """Give up a fetch that is under way."""
        if self._flight is not None and not self._flight.done():
            self._flight.cancel()
            await asyncio.wait([self._flight])

    def _usable(self, now: float) -> KeySet | None:
        # A clock that was set back makes keys look young; they are renewed, but never made older than they are.
        return self._keys if now < self._fetched_at + self._ages.max_stale else None

    def _must_wait(self, now: float) -> bool:
        """Keys past their age wait for the issuer, unless it is known to be down."""
        return self._failed_at is None and not self._fetched_at <= now < self._fetched_at + self._ages.max_age

    def _depart(self, now: float) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one; None while the last failure is too recent."""
        if self._flight is not None and not self._flight.done():
            return self._flight
        if self._failed_at is not None and _within(now, self._failed_at, RETRY_AFTER_FAILURE):
            return None
        self._flight = asyncio.create_task(self._load())
        return self._flight

    def _depart_for(self, key_id: str | None, now: float) -> asyncio.Task[None] | None:
        """The same for a key that is not known.

        INVARIANT: however many unknown ids tokens name, they cause one fetch per cool-down, and the same id none while
        it is remembered.
        """
        if self._flight is not None and not self._flight.done():
            return self._flight if self._failed_at is None else None  # an issuer that is down is not waited for
        if _within(now, self._fetched_at, JUST_LOADED) or self._unknown.get(key_id, 0.0) > now:
            return None
        if self._asked_for_unknown_at is not None and _within(now, self._asked_for_unknown_at, UNKNOWN_KEY_COOL_DOWN):
            return None
        self._asked_for_unknown_at = now
        return self._depart(now)

    def _remember_unknown(self, key_id: str | None, now: float) -> None:
        self._unknown[key_id] = now + UNKNOWN_KEY_MEMORY
        self._unknown.move_to_end(key_id)
        if len(self._unknown) > UNKNOWN_KEYS_REMEMBERED:
            self._unknown.popitem(last=False)

    async def _load(self) -> None:
        try:
            async with asyncio.timeout(LOAD_TIMEOUT):
                keys = await self._fetch_keys()
        except (StoreUnavailable, TimeoutError) as error:
            code = error.code if isinstance(error, StoreUnavailable) else "issuer_timeout"
            log.warning("issuer_keys_not_fetched", issuer=self._issuer, code=code, have_keys=self._keys is not None)
            self._failed_at = self._clock()
            return
        if self._keys is None or keys.digest != self._keys.digest:
            log.info("issuer_keys_changed", issuer=self._issuer, keys=len(keys))
            self._keys = keys
        self._fetched_at = self._clock()
        self._renew_at = self._fetched_at + self._ages.max_age * RENEW_AT
        self._failed_at = None

    async def _fetch_keys(self) -> KeySet:
        if self._failed_at is not None:
            self._discovery.forget()
        body = await self._fetch((await self._discovery.metadata()).jwks_uri)
        try:
            return parse_key_set(json.loads(body.decode("utf-8")))
        except (ValueError, RecursionError):
            raise invalid("Its key set cannot be read.") from None


def _within(now: float, since: float, seconds: float) -> bool:
    """Whether `now` is in the `seconds` after `since`. A clock that was set back is not within."""
    return since <= now < since + seconds


def _public(keys: Iterable[Key]) -> KeySet:
    return KeySet(key.as_dict(private=False) for key in keys)
