-- The data of guests in collections, which the configuration declares. The cart, the history, the favourites and the preferences
-- become entries; the catalogue is a file.

-- Nodes of an older version may still write: in the order in which their transactions lock.
LOCK TABLE anonymous_user IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE cart_item, history_item, favorite_item, preferences, cart_key IN ACCESS EXCLUSIVE MODE;

CREATE TABLE entry (
    user_id    UUID   NOT NULL,
    collection TEXT   COLLATE "C" NOT NULL,
    -- Sorted by bytes, as in SQLite.
    key        TEXT   COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- JSON, as a text: jsonb refuses U+0000 and changes numbers.
    value      TEXT   NOT NULL
);

INSERT INTO entry SELECT user_id, 'cart', item_id::text, added_at, added_at, '{"quantity":' || quantity || '}'
FROM cart_item;
INSERT INTO entry SELECT user_id, 'favorites', item_id::text, added_at, added_at, '{}' FROM favorite_item;
INSERT INTO entry SELECT user_id, 'history', item_id::text, viewed_at, viewed_at, '{}' FROM history_item;
-- Preferences had no time. Those of the next statement need more work.
INSERT INTO entry
SELECT user_id, 'preferences', member.key, last_active_at, last_active_at, member.value::text
FROM preferences JOIN anonymous_user ON anonymous_user.id = user_id CROSS JOIN LATERAL json_each(data::json) AS member
WHERE octet_length(data) <= 2048 AND strpos(data, '\u0000') = 0;

-- After the rows, which is several times faster.
ALTER TABLE entry ADD PRIMARY KEY (user_id, collection, key);
ALTER TABLE entry ADD FOREIGN KEY (user_id) REFERENCES anonymous_user (id) ON DELETE CASCADE;

-- A key cannot contain U+0000, which becomes U+FFFD; the values keep it, as an escape. Stored preferences contain no escape
-- \ufffd before. A key of more than 2048 bytes does not fit into the index: it becomes its beginning and its hash. If that
-- makes a key equal to another one, it gets a number.
WITH member AS (
    SELECT user_id, last_active_at AS at, member.value::text AS value, member.n,
           CASE
               WHEN octet_length(member.key) <= 2048 THEN member.key
               ELSE left(member.key, 128) || '…' || encode(sha256(convert_to(member.key, 'UTF8')), 'hex')
           END AS key
    FROM preferences JOIN anonymous_user ON anonymous_user.id = user_id CROSS JOIN LATERAL json_each(
        regexp_replace(data, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::json
    ) WITH ORDINALITY AS member (key, value, n)
    WHERE octet_length(data) > 2048 OR strpos(data, '\u0000') > 0
),
numbered AS (
    -- Stored preferences are sorted, so that a name without U+0000 is the last one of those that became equal, and keeps its key.
    SELECT *, row_number() OVER (PARTITION BY user_id, key ORDER BY n DESC) - 1 AS number FROM member
)
INSERT INTO entry
SELECT user_id, 'preferences', key || CASE WHEN number = 0 THEN '' ELSE '…' || number END, at, at,
       regexp_replace(value, '(?<!\\)((?:\\\\)*)\\ufffd', '\1\\u0000', 'g')
FROM numbered ON CONFLICT DO NOTHING;

-- Idempotency keys of additions: SHA-256, never the key itself, and SHA-256 of the request. The keys of the former route of the
-- cart end with it.
CREATE TABLE addition_key (
    user_id    UUID   NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    hash       BYTEA  NOT NULL,
    request    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, hash)
);

CREATE INDEX addition_key_by_age ON addition_key (created_at);

DROP TABLE cart_key, preferences, history_item, favorite_item, cart_item, item;
