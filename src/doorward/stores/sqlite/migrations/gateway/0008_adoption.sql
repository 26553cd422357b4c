-- What another process needs to go on with a running turn: whose it is, and the id that its answer's message will have.
ALTER TABLE turns ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE turns ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE turns ADD COLUMN answer_id TEXT NOT NULL DEFAULT '';
