-- Budgets where users or programs knock at the agent door themselves: as in the gateway's database.
CREATE TABLE budget_days (
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    money INTEGER NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    reserved_money INTEGER NOT NULL,
    PRIMARY KEY (owner, day)
) WITHOUT ROWID;

CREATE TABLE budget_reservations (
    turn_id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    money INTEGER NOT NULL,
    accounts TEXT,
    alone INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
