-- One row. A server writes it to record that it runs, and to find out whether the store accepts writes.
CREATE TABLE heartbeat (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    -- The newest time at which a server with a trusted clock ran. NULL: never, and there are no guests.
    at     INTEGER,
    -- The number of writes, so that each write changes the row.
    writes INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO heartbeat (id, at) SELECT 1, max(last_active_at) FROM anonymous_user;

-- One row: the guests that the sweeps have removed since `began_at`, a period of a day.
CREATE TABLE sweep_day (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    began_at INTEGER NOT NULL DEFAULT 0,
    removed  INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO sweep_day (id) VALUES (1);
