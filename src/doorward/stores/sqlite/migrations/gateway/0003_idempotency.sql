-- Keys that clients sent with a message, as hashes (SHA-256): of route and key, and of the body. A key is its owner's.
-- A row outlives its turn when the conversation is deleted, so that the key begins nothing anew.
CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    body_hash BLOB NOT NULL,
    turn_id TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (owner, key_hash)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_end ON idempotency (expires_at);
