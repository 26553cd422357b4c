"""The key of this database's cursors."""

import secrets

from doorward.stores.cursors import Cursors
from doorward.stores.sqlite.database import SqliteDatabase


def load_cursors(database: SqliteDatabase) -> Cursors:
    """The cursors of this database, with the key that it makes the first time."""
    database.write_at_start(
        "INSERT OR IGNORE INTO database_keys (name, value) VALUES ('cursors', ?)", (secrets.token_bytes(32),)
    )
    ((key,),) = database.read("SELECT value FROM database_keys WHERE name = 'cursors'")
    return Cursors(bytes(key))
