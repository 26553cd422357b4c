-- Agents that an operator has stopped: nothing of them runs until they are allowed again.
CREATE TABLE stopped_agents (
    name TEXT PRIMARY KEY,
    stopped_at REAL NOT NULL
) WITHOUT ROWID;
