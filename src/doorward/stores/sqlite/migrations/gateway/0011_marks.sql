-- Names that are taken for a time: places of a user's turns and streams, turns that run, turns that are to be stopped.
CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_end ON marks (until);
