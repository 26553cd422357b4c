-- Where a branch forked off, kept with its events: the root event itself may be deleted.
ALTER TABLE memory_events ADD COLUMN parent TEXT;
ALTER TABLE memory_events ADD COLUMN parent_at INTEGER;
ALTER TABLE memory_events ADD COLUMN parent_number INTEGER;
UPDATE memory_events SET (parent, parent_at, parent_number) =
    (SELECT root.branch, root.at, root.number FROM memory_events AS root
        WHERE root.session = memory_events.session AND root.event_id = memory_events.root)
    WHERE root IS NOT NULL;
-- What a sweep looks for, without reading every session.
CREATE INDEX memory_sessions_empty ON memory_sessions (changed_at) WHERE events = 0;
