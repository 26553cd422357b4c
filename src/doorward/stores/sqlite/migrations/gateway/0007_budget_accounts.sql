-- A reservation counts in several accounts (JSON): its user's, its tenant's, everybody's. NULL in older rows: the owner's
-- and everybody's. `alone`: no stored turn ends it.
ALTER TABLE budget_reservations ADD COLUMN accounts TEXT;
ALTER TABLE budget_reservations ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;

-- The tenant that the token named when the browser signed in.
ALTER TABLE browser_sessions ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
