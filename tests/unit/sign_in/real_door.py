"""The embedded sign-in behind the real front door and on the real store, for attacks and journeys."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.unit.sign_in.world import World

from doorward.errors import Unauthenticated
from doorward.front_door.check import Parts
from doorward.front_door.door import FrontDoor
from doorward.model.ledger import LedgerEntry
from doorward.model.principals import User
from doorward.model.settings import FrontDoorSettings
from doorward.model.sign_in import AuthorizationCode
from doorward.stores.sqlite.grants import SqliteGrants
from doorward.stores.sqlite.ledger import SqliteLedger
from doorward.stores.sqlite.open import open_gateway


class NoTokens:
    """The sign-in's routes are public: nobody's token is asked for."""

    async def verify(self, token: str) -> User:
        raise Unauthenticated("No token is taken here.")


class NotedGrants(SqliteGrants):
    """The real store, which also notes the hashes of the codes that it was given."""

    def __init__(self, real: SqliteGrants) -> None:
        super().__init__(real._database, real._clock)
        self.codes: list[str] = []

    async def save_code(self, code: AuthorizationCode) -> None:
        self.codes.append(code.code_hash)
        await super().save_code(code)


class NotedLedger(SqliteLedger):
    """The real ledger, which also notes the entries in their order."""

    def __init__(self, real: SqliteLedger) -> None:
        super().__init__(real._database)
        self.kept: list[LedgerEntry] = []

    def enqueue(self, entry: LedgerEntry) -> None:
        if entry.door == "sign_in":
            self.kept.append(entry)
        super().enqueue(entry)


@contextmanager
def real_world(folder: Path, *, issuer: str = "http://127.0.0.1:8000", **settings: object) -> Iterator[World]:
    """A world whose requests go through `FrontDoor` and whose grants, accounts and ledger are in `folder`."""
    stores = open_gateway(folder / "gateway.db", clock=lambda: world.now)
    ledger = NotedLedger(stores.ledger)
    try:
        world = World(issuer=issuer, stores=(stores.accounts, NotedGrants(stores.grants), ledger), **settings)
        parts = Parts(
            # Without the filter: what it would stop must be refused by the sign-in as well.
            settings=FrontDoorSettings(allowed_hosts=("127.0.0.1", "door.example"), filter=False),
            public_url=issuer,
            verifier=NoTokens(),
            ledger=ledger,
            clock=world.clock,
        )
        world.door = FrontDoor(world.table.routes, parts)
        yield world
        world.passwords.close()
    finally:
        stores.close()
