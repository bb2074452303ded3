-- Times are Unix milliseconds. Identifiers are UUIDs of version 7 as text, so that new rows land at the end of each tree.

CREATE TABLE anonymous_user (
    id             TEXT    PRIMARY KEY,
    created_at     INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    id                TEXT    PRIMARY KEY,
    user_id           TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    -- 1: has refresh tokens. 0: one long-lived access token and nothing else.
    refreshable       INTEGER NOT NULL,
    -- The counter that the current refresh token carries: + 1 per rotation.
    counter           INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    rotated_at        INTEGER,
    -- Idle expiry; slides with each rotation.
    expires_at        INTEGER NOT NULL,
    -- When the last access token of this session will have expired: until then a revocation must be remembered.
    access_expires_at INTEGER NOT NULL,
    revoked_at        INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_user ON session (user_id);
CREATE INDEX session_revoked ON session (access_expires_at) WHERE revoked_at IS NOT NULL;

-- Idempotency keys of logins: SHA-256, never the key itself.
CREATE TABLE login_key (
    hash       BLOB    PRIMARY KEY,
    session_id TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_key_by_session ON login_key (session_id);
CREATE INDEX login_key_by_age ON login_key (created_at);

-- Keys of access tokens. One signs ('active'); the others still verify what they have signed.
CREATE TABLE signing_key (
    kid        TEXT    PRIMARY KEY,
    algorithm  TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('active', 'verifying')),
    material   BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX signing_key_one_active ON signing_key (state) WHERE state = 'active';

-- Keys of refresh tokens; the token names the version. The highest version signs.
CREATE TABLE refresh_key (
    version    INTEGER PRIMARY KEY CHECK (version BETWEEN 1 AND 255),
    material   BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
