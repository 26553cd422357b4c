-- Everything the gateway keeps. Times are seconds since 1970 (UTC).

-- Keys that this database made for itself (the key that signs cursors).
CREATE TABLE database_keys (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE conversations (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    session_id TEXT NOT NULL,
    name TEXT NOT NULL,
    renamed INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    message_count INTEGER NOT NULL,
    -- A session id is a name within its owner.
    UNIQUE (owner, session_id)
);

-- Pages by activity; ties are ordered by id, which every index ends with.
CREATE INDEX conversations_by_activity ON conversations (owner, updated_at);

-- key = conversation * 2^20 + position: the messages of a conversation lie together and in order, without a second index.
CREATE TABLE messages (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    timestamp REAL NOT NULL,
    turn_id TEXT NOT NULL,
    status TEXT NOT NULL
);

-- The words of names (position 0) and messages, each with its owner's key in front, so that a prefix never reads another
-- owner's words and the cost of a search depends on this owner's rows only. Holds no text, only words to keys.
CREATE VIRTUAL TABLE search USING fts5 (words, content = '', columnsize = 0, detail = none, tokenize = 'ascii');

CREATE TABLE turns (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation INTEGER NOT NULL,
    status TEXT NOT NULL,
    started_at REAL NOT NULL,
    finished_at REAL,
    error_code TEXT,
    model TEXT NOT NULL DEFAULT '',
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    request_id TEXT NOT NULL
);

-- One running turn per conversation.
CREATE UNIQUE INDEX turns_running ON turns (conversation) WHERE status = 'running';

-- key = turn number * 2^24 + sequence of the first event; `data` is a MessagePack array of `count` events as bytes.
CREATE TABLE turn_events (
    key INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
);

-- Stays when conversations go.
CREATE TABLE usage_days (
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    turns INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (owner, day)
) WITHOUT ROWID;

CREATE TABLE accounts (
    subject TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    folded_username TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID;

-- A family is one sign-in: its code and every refresh token that came of it.
CREATE TABLE grant_families (
    family TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX grant_families_by_subject ON grant_families (subject);
CREATE INDEX grant_families_by_end ON grant_families (expires_at);

CREATE TABLE authorization_codes (
    code_hash TEXT PRIMARY KEY,
    family TEXT NOT NULL REFERENCES grant_families (family) ON DELETE CASCADE,
    taken INTEGER NOT NULL DEFAULT 0,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    nonce TEXT,
    code_challenge TEXT,
    auth_time REAL NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX authorization_codes_by_family ON authorization_codes (family);

CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    family TEXT NOT NULL REFERENCES grant_families (family) ON DELETE CASCADE,
    taken INTEGER NOT NULL DEFAULT 0,
    client_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    auth_time REAL NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);

CREATE TABLE browser_sessions (
    id_hash TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    username TEXT NOT NULL,
    email TEXT,
    roles TEXT NOT NULL,
    csrf_token TEXT NOT NULL,
    id_token TEXT NOT NULL,
    access_token TEXT NOT NULL,
    refresh_token TEXT,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
);
CREATE INDEX browser_sessions_by_subject ON browser_sessions (subject, issuer);
CREATE INDEX browser_sessions_by_end ON browser_sessions (expires_at);
