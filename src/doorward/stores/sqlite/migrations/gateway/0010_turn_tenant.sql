-- Whose budget the name of a conversation counts in, when another process ends the turn.
ALTER TABLE turns ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
