-- What was spent of a day's budgets, and what is set aside for turns that run. Money is in billionths of a dollar.
-- The owner '' stands for all users together. Written only while a budget is configured.
CREATE TABLE budget_days (
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    money INTEGER NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    reserved_money INTEGER NOT NULL,
    PRIMARY KEY (owner, day)
) WITHOUT ROWID;

-- What a running turn has set aside, so that its end gives back exactly that.
CREATE TABLE budget_reservations (
    turn_id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    money INTEGER NOT NULL
) WITHOUT ROWID;
