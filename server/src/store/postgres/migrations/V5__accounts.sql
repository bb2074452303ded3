-- The day a guest becomes a member. The id stays, and with it every row; what these columns say is never taken back.

ALTER TABLE anonymous_user ADD COLUMN registered_at BIGINT;
-- A tombstone: everything of this guest belongs to that account now.
ALTER TABLE anonymous_user ADD COLUMN merged_into UUID REFERENCES anonymous_user (id) ON DELETE CASCADE;
-- When the last access token that calls this user a guest will have expired.
ALTER TABLE anonymous_user ADD COLUMN guest_tokens_until BIGINT;
-- The transaction in which that was decided: what other nodes find it by.
ALTER TABLE anonymous_user ADD COLUMN member_in XID8;

CREATE INDEX anonymous_user_merged ON anonymous_user (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX anonymous_user_member_in ON anonymous_user (member_in) WHERE member_in IS NOT NULL;

CREATE TABLE account (
    user_id       UUID    PRIMARY KEY REFERENCES anonymous_user (id) ON DELETE CASCADE,
    -- In lower case. NULL: signed up without one.
    email         TEXT    UNIQUE,
    -- argon2id, with its parameters and salt (a PHC string). NULL: there is no password.
    password_hash TEXT,
    created_at    BIGINT NOT NULL
);

CREATE TABLE passkey (
    credential_id BYTEA   PRIMARY KEY,
    user_id       UUID    NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    -- The public key and its counter, as the WebAuthn library writes them. JSON.
    data          TEXT    NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE INDEX passkey_by_user ON passkey (user_id);

-- Who somebody is to an OpenID Connect issuer.
CREATE TABLE linked_identity (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    user_id    UUID    NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX linked_identity_by_user ON linked_identity (user_id);

-- Challenges of passkeys that have been given out: for one caller, once, for five minutes.
CREATE TABLE ceremony (
    id         UUID    PRIMARY KEY,
    user_id    UUID    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    state      TEXT    NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX ceremony_by_user ON ceremony (user_id);
CREATE INDEX ceremony_by_age ON ceremony (expires_at);

-- ID tokens that have been used, by SHA-256: each is good for one caller.
CREATE TABLE used_id_token (
    hash       BYTEA   PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX used_id_token_by_age ON used_id_token (expires_at);

-- Nodes hear of new members as they hear of revocations.
CREATE FUNCTION guestpass_became_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.member_in := pg_current_xact_id();
    PERFORM pg_notify(
        'guestpass',
        'member ' || NEW.id || ' ' || coalesce(NEW.merged_into, NEW.id) || ' ' || coalesce(NEW.guest_tokens_until, 0)
    );
    RETURN NEW;
END
$$;

CREATE TRIGGER became_member BEFORE UPDATE OF registered_at, merged_into ON anonymous_user FOR EACH ROW
    WHEN (OLD.registered_at IS DISTINCT FROM NEW.registered_at OR OLD.merged_into IS DISTINCT FROM NEW.merged_into)
    EXECUTE FUNCTION guestpass_became_member();
