-- Who took a name, as a random text: nobody else gives it back. One that was taken before ends with its time.
ALTER TABLE marks ADD COLUMN taken_by TEXT NOT NULL DEFAULT '';
