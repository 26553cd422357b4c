"""Opens the two databases of the house and gives their ports. `compose` calls it; nothing else knows the engine.

Opening blocks for some milliseconds (migrations). Raises `ConfigurationError` for a database that cannot be used.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from doorward.ports.clock import Clock
from doorward.stores.sqlite.accounts import SqliteAccounts
from doorward.stores.sqlite.browser_sessions import SqliteBrowserSessions
from doorward.stores.sqlite.budgets import SqliteBudgets
from doorward.stores.sqlite.checkpoints import SqliteCheckpoints
from doorward.stores.sqlite.conversations import SqliteConversations
from doorward.stores.sqlite.cursor_key import load_cursors
from doorward.stores.sqlite.database import SqliteDatabase, Tuning
from doorward.stores.sqlite.forgotten import SqliteForgotten
from doorward.stores.sqlite.grants import SqliteGrants
from doorward.stores.sqlite.ledger import SqliteLedger
from doorward.stores.sqlite.ledger_reader import SqliteLedgerReader
from doorward.stores.sqlite.marks import SqliteMarks
from doorward.stores.sqlite.memory import SqliteMemory
from doorward.stores.sqlite.metrics import SqliteMetrics
from doorward.stores.sqlite.migrate import MIGRATIONS
from doorward.stores.sqlite.read_only import ReadOnlyFile
from doorward.stores.sqlite.replay import SqliteReplay
from doorward.stores.sqlite.signed_out import SqliteSignedOut
from doorward.stores.sqlite.stopped_agents import SqliteStoppedAgents
from doorward.stores.sqlite.turns import SqliteTurns
from doorward.stores.sqlite.usage import SqliteUsage


class GatewayStores(Struct, frozen=True, kw_only=True):
    """What the gateway keeps. `close` writes what is queued and closes the file."""

    database: SqliteDatabase
    conversations: SqliteConversations
    forgotten: SqliteForgotten
    turns: SqliteTurns
    usage: SqliteUsage
    budgets: SqliteBudgets
    ledger: SqliteLedger
    accounts: SqliteAccounts
    grants: SqliteGrants
    sessions: SqliteBrowserSessions
    signed_out: SqliteSignedOut
    metrics: SqliteMetrics
    marks: SqliteMarks

    def close(self) -> None:
        """Blocks until everything that was queued is durable."""
        self.database.close()


class RuntimeStores(Struct, frozen=True, kw_only=True):
    """What the runtime keeps. `close` writes what is queued and closes the file."""

    database: SqliteDatabase
    ledger: SqliteLedger
    replay: SqliteReplay
    checkpoints: SqliteCheckpoints
    budgets: SqliteBudgets
    stopped_agents: SqliteStoppedAgents
    memory: SqliteMemory

    def close(self) -> None:
        """Blocks until everything that was queued is durable."""
        self.database.close()


def open_gateway(path: Path, *, clock: Clock = time.time, tuning: Tuning | None = None) -> GatewayStores:
    """Open (or make) the gateway's database. Works with and without a running event loop."""
    database = SqliteDatabase(path, MIGRATIONS / "gateway", tuning)
    cursors = load_cursors(database)
    return GatewayStores(
        database=database,
        conversations=SqliteConversations(database, cursors),
        forgotten=SqliteForgotten(database),
        turns=SqliteTurns(database),
        usage=SqliteUsage(database),
        budgets=SqliteBudgets(database),
        ledger=SqliteLedger(database),
        accounts=SqliteAccounts(database, cursors, clock),
        grants=SqliteGrants(database, clock),
        sessions=SqliteBrowserSessions(database, clock),
        signed_out=SqliteSignedOut(database, clock),
        metrics=SqliteMetrics(database),
        marks=SqliteMarks(database, clock),
    )


def read_ledgers(gateway: GatewayStores, files: Mapping[str, Path]) -> tuple[SqliteLedgerReader, Callable[[], None]]:
    """Every chain of the house for its operators, and what closes their files, which are opened at the first read."""
    opened = {name: ReadOnlyFile(path) for name, path in files.items()}

    def close() -> None:
        for file in opened.values():
            file.close()

    return SqliteLedgerReader(opened, load_cursors(gateway.database)), close


def open_runtime(path: Path, *, clock: Clock = time.time, tuning: Tuning | None = None) -> RuntimeStores:
    """Open (or make) the runtime's database."""
    database = SqliteDatabase(path, MIGRATIONS / "runtime", tuning)
    return RuntimeStores(
        database=database,
        ledger=SqliteLedger(database),
        replay=SqliteReplay(database, clock),
        checkpoints=SqliteCheckpoints(database),
        budgets=SqliteBudgets(database),
        stopped_agents=SqliteStoppedAgents(database),
        memory=SqliteMemory(database, load_cursors(database), clock),
    )
