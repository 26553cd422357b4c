"""The ledger as operators see it: what they look for turned into what entries hold, stories, exports, and walks along
the chains. Reads alone; the doors write.
"""

import asyncio
from collections.abc import AsyncIterator

import structlog
from msgspec import Struct
from msgspec.structs import replace

from doorward.errors import StoreUnavailable
from doorward.ledger.chain import GENESIS
from doorward.model.console import (
    ChainPlace,
    ChainState,
    ChainStep,
    FoundEntry,
    LedgerFilter,
    LedgerPage,
    Story,
)
from doorward.model.ledger import ChainFault
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.operator import LedgerReader
from doorward.ports.sign_in import AccountStore

log = structlog.get_logger()

EXPORT_BATCH = 1000
STORY_ENTRIES = 500
STORY_PAGES = 10
NEAR = 3600.0  # seconds around a request in which its entries are looked for
LINKS = 2000  # that are verified in one step: some milliseconds
REST = 0.02  # seconds between two steps, which leave the processor to the doors
ROUND = 10.0  # seconds between two looks for new links

_START = ChainPlace(0, GENESIS)


class _Walk(Struct):
    """How far a chain was found good, and when."""

    place: ChainPlace = _START
    verified_at: float | None = None
    whole_at: float | None = None
    fault: ChainFault | None = None
    anew: bool = True
    walking: bool = False
    again: bool = False


class LedgerService:
    """Fulfils `ports.operator.LedgerDesk`. Without `accounts` (an outside issuer) users are found by subject or key."""

    def __init__(self, reader: LedgerReader, issuer: str, accounts: AccountStore | None, clock: Clock) -> None:
        self._reader = reader
        self._issuer = issuer
        self._accounts = accounts
        self._clock = clock
        self._walks: dict[str, _Walk] = {}
        self._wake = asyncio.Event()

    async def page(self, wanted: LedgerFilter, *, limit: int, cursor: str | None) -> LedgerPage:
        return await self._reader.page(wanted, limit=limit, cursor=cursor)

    async def narrowed(self, wanted: LedgerFilter, *, user: str | None, session_id: str | None) -> LedgerFilter:
        if user is not None:
            wanted = replace(wanted, principals=await self._names(user))
        if session_id is not None:
            turns = await self._reader.turns(session_id=session_id)
            wanted = replace(
                wanted,
                session_id=session_id,
                turns=tuple(turn.turn_id for turn in turns),
                requests=tuple(turn.request_id for turn in turns if turn.request_id),
            )
        return wanted

    async def export(self, wanted: LedgerFilter) -> AsyncIterator[LedgerPage]:
        page = await self._reader.page(wanted, limit=EXPORT_BATCH, cursor=None)
        unread = page.unread
        yield page
        while page.next_cursor is not None:
            page = await self._reader.page(wanted, limit=EXPORT_BATCH, cursor=page.next_cursor)
            if page.unread != unread:
                raise StoreUnavailable("A part of the ledger could not be read any longer.")
            yield page

    async def story(self, request_id: str, *, near: float | None) -> Story:
        turns = await self._reader.turns(request_id=request_id)
        wanted = LedgerFilter(
            requests=(request_id,),
            turns=tuple(turn.turn_id for turn in turns),
            since=None if near is None else near - NEAR,
            until=None if near is None else near + NEAR,
        )
        entries: list[FoundEntry] = []
        cursor: str | None = None
        unread = False
        for _ in range(STORY_PAGES):
            page = await self._reader.page(wanted, limit=STORY_ENTRIES, cursor=cursor)
            entries += page.items
            cursor, unread = page.next_cursor, unread or bool(page.unread)
            if cursor is None or len(entries) >= STORY_ENTRIES:
                break
        entries.sort(key=lambda found: found.entry.at)
        return Story(request_id=request_id, entries=entries, turns=turns, complete=cursor is None and not unread)

    async def chains(self) -> list[ChainState]:
        heads = await self._reader.chains()
        return [_state(name, head, self._walks.setdefault(name, _Walk())) for name, head in heads.items()]

    async def walk(self) -> list[ChainState]:
        for walk in self._walks.values():
            walk.again = True
        self._wake.set()
        return await self.chains()

    async def run(self) -> None:
        """Verify until cancelled: first each whole chain, then what is new, and all of it when an operator asks."""
        while True:
            for name in await self._reader.chains():
                await self._follow(name, self._walks.setdefault(name, _Walk()))
            try:
                async with asyncio.timeout(ROUND):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _follow(self, name: str, walk: _Walk) -> None:
        """Verify to the end of the chain, or to its first fault."""
        if walk.again:
            walk.place, walk.fault, walk.anew, walk.again = _START, None, True, False
        walk.walking = walk.fault is None
        while walk.walking:
            try:
                step = await self._reader.verify(name, walk.place, limit=LINKS)
            except StoreUnavailable as error:
                log.warning("chain_not_read", chain=name, code=error.code)
                walk.walking = False
                return
            self._take(name, walk, step)
            await asyncio.sleep(REST)

    def _take(self, name: str, walk: _Walk, step: ChainStep) -> None:
        walk.place, walk.fault, walk.verified_at = step.place, step.fault, self._clock()
        if step.at_end:
            walk.walking = False
            if walk.anew:
                walk.whole_at, walk.anew = walk.verified_at, False
        if step.fault is not None:
            log.error("ledger_broken", chain=name, sequence=step.fault.sequence)

    async def _names(self, user: str) -> tuple[str, ...]:
        """All that an entry may call this user: the name, the subject, the key of (issuer, subject)."""
        account = None
        if self._accounts is not None:
            account = await self._accounts.by_username(user) or await self._accounts.by_subject(user)
        subject = account.subject if account else user
        known = User(issuer=self._issuer, subject=subject, username=user)
        names = (user, subject, known.key, account.username if account else user)
        return tuple(dict.fromkeys(names))


def _state(name: str, head: ChainPlace | None, walk: _Walk) -> ChainState:
    return ChainState(
        chain=name,
        state="unread" if head is None else "broken" if walk.fault is not None else "holds",
        entries=head.sequence if head else 0,
        verified_to=walk.place.sequence,
        verified_at=walk.verified_at,
        whole_at=walk.whole_at,
        walking=walk.walking or walk.again,
        fault=walk.fault,
        head=head.hash.hex() if head and head.sequence else "",
    )
