-- The ledger. `entry` is canonical JSON, `hash` is SHA-256 over the previous hash, the sequence and the entry.
CREATE TABLE ledger (
    sequence INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,
    hash BLOB NOT NULL
);

CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;

-- Also keeps INSERT OR REPLACE, which fires no delete trigger, from writing over an entry.
CREATE TRIGGER ledger_in_order BEFORE INSERT ON ledger
WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM ledger)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
