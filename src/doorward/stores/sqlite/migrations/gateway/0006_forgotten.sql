-- Deleted conversations whose state the agent has not been told to forget yet.
CREATE TABLE forgotten (
    owner TEXT NOT NULL,
    session_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (owner, session_id)
) WITHOUT ROWID;
