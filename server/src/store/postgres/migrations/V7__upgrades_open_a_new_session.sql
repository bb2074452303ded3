-- Whether the client may not have the current tokens of the session: no access token of this generation has been seen. Until
-- then, the parent of the current refresh token gets the same successor again.
ALTER TABLE session ADD COLUMN unconfirmed BOOLEAN NOT NULL DEFAULT FALSE;

-- Idempotency keys of requests to become a member: the session that such a request opened. SHA-256, never the key itself.
CREATE TABLE upgrade_key (
    hash           BYTEA   PRIMARY KEY,
    -- The session that sent the request, and the counter of its refresh token then. It has ended.
    asking_session UUID    NOT NULL,
    asking_counter BIGINT  NOT NULL,
    -- HMAC-SHA-256 of the request with the idempotency key, so that this row tells nothing about a password in the request.
    request        BYTEA   NOT NULL,
    -- The new session. The key is erased with it.
    session_id     UUID    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    -- true: the request made the account. false: it logged in to an account that existed before.
    registered     BOOLEAN NOT NULL,
    -- true: a guest was merged into the account.
    merged         BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL
);

CREATE INDEX upgrade_key_by_session ON upgrade_key (session_id);
CREATE INDEX upgrade_key_by_age ON upgrade_key (created_at);
