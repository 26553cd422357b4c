"""Opens the table that functions share and gives its ports. `compose` calls it; nothing else knows the engine.

Credentials and endpoint are found as every AWS program finds them (``AWS_...`` in the environment, then the role).
"""

import contextlib
import secrets
import time

import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.ports.clock import Clock
from doorward.ports.limits import Limiter
from doorward.stores.cursors import Cursors
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.budgets import DynamoBudgets
from doorward.stores.dynamodb.conversations import DynamoConversations
from doorward.stores.dynamodb.forgotten import DynamoForgotten
from doorward.stores.dynamodb.limiter import DynamoLimiter
from doorward.stores.dynamodb.marks import DynamoMarks
from doorward.stores.dynamodb.table import THREADS, Table
from doorward.stores.dynamodb.turns import DynamoTurns
from doorward.stores.dynamodb.usage import DynamoUsage
from doorward.stores.dynamodb.values import read, written
from doorward.stores.dynamodb.writes import NEW, put

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
TRIES = 4


class DynamoStores(Struct, frozen=True, kw_only=True):
    """What the functions share."""

    table: Table
    conversations: DynamoConversations
    forgotten: DynamoForgotten
    turns: DynamoTurns
    usage: DynamoUsage
    budgets: DynamoBudgets
    marks: DynamoMarks

    def limiter(self, limit: int, window: float, local: Limiter) -> DynamoLimiter:
        """A rate that all who have this table open count together."""
        return DynamoLimiter(self.table, limit, window, local)

    def close(self) -> None:
        """Wait for what is under way, and refuse all that comes later."""
        self.table.close()


def open_table(name: str, *, region: str, clock: Clock = time.time) -> DynamoStores:
    """Open a table that is there. `ConfigurationError` (``store_not_found``) when it is not, or cannot be reached."""
    bounds = Config(
        retries={"mode": "standard", "total_max_attempts": TRIES},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=THREADS,
    )
    session = botocore.session.get_session()
    client = session.create_client("dynamodb", region_name=region, config=bounds)
    try:
        key = _cursor_key(client, name)
    except (ClientError, BotoCoreError) as error:
        raise ConfigurationError(
            f"The DynamoDB table {name} cannot be used: {type(error).__name__}.", code="store_not_found"
        ) from None
    table, cursors = Table(client, name), Cursors(key)
    return DynamoStores(
        table=table,
        conversations=DynamoConversations(table, cursors),
        forgotten=DynamoForgotten(table),
        turns=DynamoTurns(table),
        usage=DynamoUsage(table),
        budgets=DynamoBudgets(table, clock),
        marks=DynamoMarks(table, clock),
    )


def _cursor_key(client: BaseClient, name: str) -> bytes:
    """The key of all cursors of this table, made by whoever comes first."""
    key = written(layout.CURSORS._asdict())
    found = client.get_item(TableName=name, Key=key, ConsistentRead=True)
    if "Item" not in found:
        made = put(layout.CURSORS, {"key": secrets.token_bytes(32)}, NEW)["Put"]
        with contextlib.suppress(client.exceptions.ConditionalCheckFailedException):
            client.put_item(TableName=name, **made)
        found = client.get_item(TableName=name, Key=key, ConsistentRead=True)
    return bytes(read(found["Item"])["key"])
