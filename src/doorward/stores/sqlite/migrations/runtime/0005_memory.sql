-- Short-term memory of agents: events of an actor's session. Times are seconds since 1970 (UTC), but `at`: milliseconds.
CREATE TABLE database_keys (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE memory_sessions (
    number INTEGER PRIMARY KEY,
    memory TEXT NOT NULL,
    actor TEXT NOT NULL,
    session TEXT NOT NULL,
    created_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    UNIQUE (memory, actor, session)
);

CREATE TABLE memory_events (
    number INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    until REAL NOT NULL,
    branch TEXT NOT NULL,
    root TEXT,
    metadata TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (session, event_id)
);
CREATE INDEX memory_events_by_time ON memory_events (session, at, number);
CREATE INDEX memory_events_by_end ON memory_events (until);

-- Which event an idempotency token of an actor has made.
CREATE TABLE memory_tokens (
    memory TEXT NOT NULL,
    actor TEXT NOT NULL,
    token TEXT NOT NULL,
    digest BLOB NOT NULL,
    session TEXT NOT NULL,
    event_id TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (memory, actor, token)
) WITHOUT ROWID;
CREATE INDEX memory_tokens_by_end ON memory_tokens (until);
