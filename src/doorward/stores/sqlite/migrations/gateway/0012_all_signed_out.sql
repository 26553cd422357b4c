-- When every session of a user was last ended: one of the embedded sign-in that began before does not hold any more.
CREATE TABLE all_signed_out (
    subject TEXT PRIMARY KEY,
    at REAL NOT NULL
) STRICT, WITHOUT ROWID;
