-- Everything the runtime keeps. Times are seconds since 1970 (UTC).

-- Signatures that were used, until they are too old to be taken anyway.
CREATE TABLE used_signatures (
    signature TEXT PRIMARY KEY,
    until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX used_signatures_by_end ON used_signatures (until);

CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    agent TEXT NOT NULL,
    session_id TEXT NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (owner, agent, session_id)
);
