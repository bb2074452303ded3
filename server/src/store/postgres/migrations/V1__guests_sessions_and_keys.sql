-- Times are Unix milliseconds, told by the nodes. Everything but the keys hangs on one guest's id.

CREATE TABLE anonymous_user (
    id             UUID   PRIMARY KEY,
    created_at     BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL
) WITH (fillfactor = 90);

CREATE TABLE session (
    id                UUID    PRIMARY KEY,
    user_id           UUID    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    -- true: has refresh tokens. false: one long-lived access token and nothing else.
    refreshable       BOOLEAN NOT NULL,
    -- The counter that the current refresh token carries: + 1 per rotation.
    counter           BIGINT  NOT NULL DEFAULT 0,
    created_at        BIGINT  NOT NULL,
    rotated_at        BIGINT,
    -- Idle expiry; slides with each rotation.
    expires_at        BIGINT  NOT NULL,
    -- When the last access token of this session will have expired: until then a revocation must be remembered.
    access_expires_at BIGINT  NOT NULL,
    revoked_at        BIGINT,
    -- The transaction that revoked it: what other nodes find it by.
    revoked_in        XID8
-- What a rotation changes is in no index, and there is room for the new row beside the old one: no index is touched.
) WITH (fillfactor = 80);

CREATE INDEX session_by_user ON session (user_id);
CREATE INDEX session_revoked_in ON session (revoked_in) WHERE revoked_in IS NOT NULL;

-- Idempotency keys of logins: SHA-256, never the key itself.
CREATE TABLE login_key (
    hash       BYTEA  PRIMARY KEY,
    session_id UUID   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL
);

CREATE INDEX login_key_by_session ON login_key (session_id);
CREATE INDEX login_key_by_age ON login_key (created_at);

-- Keys of access tokens. One signs ('active'); the others still verify what they have signed.
CREATE TABLE signing_key (
    kid        TEXT   PRIMARY KEY,
    algorithm  TEXT   NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('active', 'verifying')),
    material   BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE UNIQUE INDEX signing_key_one_active ON signing_key (state) WHERE state = 'active';

-- Keys of refresh tokens; the token names the version. The highest version signs.
CREATE TABLE refresh_key (
    version    SMALLINT PRIMARY KEY CHECK (version BETWEEN 1 AND 255),
    material   BYTEA    NOT NULL,
    created_at BIGINT   NOT NULL
);

-- Nodes hear of changes on the channel 'guestpass', whoever made them: another node, the command line, or an operator
-- with psql. That is why triggers tell them, and not the statements of the server.

CREATE FUNCTION guestpass_session_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revoked_in := pg_current_xact_id();
    PERFORM pg_notify('guestpass', 'revoked ' || NEW.id || ' ' || NEW.access_expires_at);
    RETURN NEW;
END
$$;

CREATE TRIGGER session_revoked BEFORE UPDATE OF revoked_at ON session FOR EACH ROW
    WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION guestpass_session_revoked();

CREATE FUNCTION guestpass_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('guestpass', 'keys');
    RETURN NULL;
END
$$;

CREATE TRIGGER signing_key_changed AFTER INSERT OR UPDATE OR DELETE ON signing_key
    FOR EACH STATEMENT EXECUTE FUNCTION guestpass_keys_changed();
CREATE TRIGGER refresh_key_changed AFTER INSERT OR UPDATE OR DELETE ON refresh_key
    FOR EACH STATEMENT EXECUTE FUNCTION guestpass_keys_changed();
