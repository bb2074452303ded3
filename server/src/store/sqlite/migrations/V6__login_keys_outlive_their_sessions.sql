-- The key of a login is remembered for its time, also when its guest is erased before: it makes no other one.

CREATE TABLE lasting_login_key (
    hash       BLOB    PRIMARY KEY,
    -- The session may be gone.
    session_id TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO lasting_login_key SELECT hash, session_id, created_at FROM login_key;

DROP TABLE login_key;
ALTER TABLE lasting_login_key RENAME TO login_key;

CREATE INDEX login_key_by_age ON login_key (created_at);
