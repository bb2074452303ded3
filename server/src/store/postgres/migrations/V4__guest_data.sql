-- What is remembered of a guest besides the cart.

ALTER TABLE item ADD COLUMN category TEXT NOT NULL DEFAULT '';
UPDATE item SET category = CASE
    WHEN id IN (1, 2) THEN 'kitchen'
    WHEN id IN (3, 4, 5) THEN 'home'
    WHEN id IN (6, 7) THEN 'paper'
    WHEN id IN (8, 9, 10) THEN 'pantry'
    ELSE 'outdoors'
END;

CREATE TABLE history_item (
    user_id   UUID NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id   BIGINT NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    viewed_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, item_id)
);

CREATE INDEX history_item_by_item ON history_item (item_id);

CREATE TABLE favorite_item (
    user_id  UUID NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id  BIGINT NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, item_id)
);

CREATE INDEX favorite_item_by_item ON favorite_item (item_id);

-- A flat JSON object.
CREATE TABLE preferences (
    user_id UUID PRIMARY KEY REFERENCES anonymous_user (id) ON DELETE CASCADE,
    data    TEXT NOT NULL
);

-- Idempotency keys of additions to carts: SHA-256, never the key itself, and SHA-256 of what was added.
CREATE TABLE cart_key (
    user_id    UUID   NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    hash       BYTEA  NOT NULL,
    request    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, hash)
);

CREATE INDEX cart_key_by_age ON cart_key (created_at);

-- What is left of the sessions of a guest who was erased: enough to refuse their access tokens until these have expired.
CREATE TABLE erased_session (
    id                UUID   PRIMARY KEY,
    access_expires_at BIGINT NOT NULL,
    -- The transaction that erased it: what other nodes find it by.
    erased_in         XID8   NOT NULL DEFAULT pg_current_xact_id()
);

CREATE INDEX erased_session_by_expiry ON erased_session (access_expires_at);
CREATE INDEX erased_session_in ON erased_session (erased_in);

CREATE FUNCTION guestpass_session_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('guestpass', 'revoked ' || NEW.id || ' ' || NEW.access_expires_at);
    RETURN NULL;
END
$$;

CREATE TRIGGER session_erased AFTER INSERT ON erased_session
    FOR EACH ROW EXECUTE FUNCTION guestpass_session_erased();
