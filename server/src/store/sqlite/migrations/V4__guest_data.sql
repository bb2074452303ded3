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
