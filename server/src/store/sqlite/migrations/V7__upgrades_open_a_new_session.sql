-- Whether the client may not have the current tokens of the session: no access token of this generation has been seen. Until
-- then, the parent of the current refresh token gets the same successor again.
ALTER TABLE session ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0;

-- Idempotency keys of requests to become a member: the session that such a request opened. SHA-256, never the key itself.
CREATE TABLE upgrade_key (
    hash           BLOB    PRIMARY KEY,
    -- The session that sent the request, and the counter of its refresh token then. It has ended.
    asking_session TEXT    NOT NULL,
    asking_counter INTEGER NOT NULL,
    -- HMAC-SHA-256 of the request with the idempotency key, so that this row tells nothing about a password in the request.
    request        BLOB    NOT NULL,
    -- The new session. The key is erased with it.
    session_id     TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    -- 1: the request made the account. 0: it logged in to an account that existed before.
    registered     INTEGER NOT NULL,
    -- 1: a guest was merged into the account.
    merged         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX upgrade_key_by_session ON upgrade_key (session_id);
CREATE INDEX upgrade_key_by_age ON upgrade_key (created_at);
