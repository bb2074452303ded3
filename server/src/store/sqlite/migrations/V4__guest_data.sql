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
    user_id   TEXT NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id   INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    viewed_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, item_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX history_item_by_item ON history_item (item_id);

CREATE TABLE favorite_item (
    user_id  TEXT NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id  INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, item_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX favorite_item_by_item ON favorite_item (item_id);

-- A flat JSON object.
CREATE TABLE preferences (
    user_id TEXT PRIMARY KEY REFERENCES anonymous_user (id) ON DELETE CASCADE,
    data    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Idempotency keys of additions to carts: SHA-256, never the key itself, and SHA-256 of what was added.
CREATE TABLE cart_key (
    user_id    TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    hash       BLOB    NOT NULL,
    request    BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX cart_key_by_age ON cart_key (created_at);

-- What is left of the sessions of a guest who was erased: enough to refuse their access tokens until these have expired.
CREATE TABLE erased_session (
    id                TEXT    PRIMARY KEY,
    access_expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX erased_session_by_expiry ON erased_session (access_expires_at);
