-- The day a guest becomes a member. The id stays, and with it every row; what these columns say is never taken back.

ALTER TABLE anonymous_user ADD COLUMN registered_at INTEGER;
-- A tombstone: everything of this guest belongs to that account now.
ALTER TABLE anonymous_user ADD COLUMN merged_into TEXT REFERENCES anonymous_user (id) ON DELETE CASCADE;
-- When the last access token that calls this user a guest will have expired.
ALTER TABLE anonymous_user ADD COLUMN guest_tokens_until INTEGER;

CREATE INDEX anonymous_user_merged ON anonymous_user (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX anonymous_user_guest_tokens ON anonymous_user (guest_tokens_until) WHERE guest_tokens_until IS NOT NULL;

CREATE TABLE account (
    user_id       TEXT    PRIMARY KEY REFERENCES anonymous_user (id) ON DELETE CASCADE,
    -- In lower case. NULL: signed up without one.
    email         TEXT    UNIQUE,
    -- argon2id, with its parameters and salt (a PHC string). NULL: there is no password.
    password_hash TEXT,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE passkey (
    credential_id BLOB    PRIMARY KEY,
    user_id       TEXT    NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    -- The public key and its counter, as the WebAuthn library writes them. JSON.
    data          TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX passkey_by_user ON passkey (user_id);

-- Who somebody is to an OpenID Connect issuer.
CREATE TABLE linked_identity (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX linked_identity_by_user ON linked_identity (user_id);

-- Challenges of passkeys that have been given out: for one caller, once, for five minutes.
CREATE TABLE ceremony (
    id         TEXT    PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    state      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ceremony_by_user ON ceremony (user_id);
CREATE INDEX ceremony_by_age ON ceremony (expires_at);

-- ID tokens that have been used, by SHA-256: each is good for one caller.
CREATE TABLE used_id_token (
    hash       BLOB    PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX used_id_token_by_age ON used_id_token (expires_at);
