-- Sessions of the embedded sign-in that were signed out, until they would have ended by themselves.
CREATE TABLE signed_out (
    session_id TEXT PRIMARY KEY,
    until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX signed_out_by_end ON signed_out (until);
