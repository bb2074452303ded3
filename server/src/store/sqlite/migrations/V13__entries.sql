-- The data of guests in collections, which the configuration declares. The cart, the history, the favourites and the preferences
-- become entries; the catalogue is a file.

CREATE TABLE entry (
    user_id    TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    collection TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- JSON. The last column, so that a search for keys and times reads no long values.
    value      TEXT    NOT NULL,
    PRIMARY KEY (user_id, collection, key)
) STRICT, WITHOUT ROWID;

INSERT INTO entry SELECT user_id, 'cart', CAST(item_id AS TEXT), added_at, added_at, '{"quantity":' || quantity || '}'
FROM cart_item;
INSERT INTO entry SELECT user_id, 'favorites', CAST(item_id AS TEXT), added_at, added_at, '{}' FROM favorite_item;
INSERT INTO entry SELECT user_id, 'history', CAST(item_id AS TEXT), viewed_at, viewed_at, '{}' FROM history_item;
-- Preferences had no time. The operator -> returns the text of a value as it is stored; json_each.value would round numbers.
INSERT INTO entry
SELECT user_id, 'preferences', member.key, last_active_at, last_active_at, data -> member.fullkey
FROM preferences JOIN anonymous_user ON anonymous_user.id = user_id, json_each(data) AS member;

-- Idempotency keys of additions: SHA-256, never the key itself, and SHA-256 of the request. The keys of the former route of the
-- cart end with it.
CREATE TABLE addition_key (
    user_id    TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    hash       BLOB    NOT NULL,
    request    BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX addition_key_by_age ON addition_key (created_at);

DROP TABLE cart_key;
DROP TABLE preferences;
DROP TABLE history_item;
DROP TABLE favorite_item;
DROP TABLE cart_item;
DROP TABLE item;
