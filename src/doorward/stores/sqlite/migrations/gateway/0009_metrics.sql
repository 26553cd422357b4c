-- Samples of the gateway's metrics: `window` is hour or day, `data` a MessagePack map. Old ones are deleted as new ones come.
CREATE TABLE metric_samples (
    window TEXT NOT NULL,
    at REAL NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (window, at)
) WITHOUT ROWID;

-- What all users together spent on a day.
CREATE INDEX usage_days_by_day ON usage_days (day);
