-- A key says from when it signs and how long its tokens live; nothing switches it on or off. The newest one that has begun
-- signs, the others verify until their last token has expired. token_ttl: milliseconds.

CREATE TABLE signing_key_with_life (
    kid        TEXT    PRIMARY KEY,
    algorithm  TEXT    NOT NULL,
    material   BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL,
    token_ttl  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The default lives of tokens so far; a server raises them at its start if its own are longer.
INSERT INTO signing_key_with_life (kid, algorithm, material, created_at, signs_from, token_ttl)
    SELECT kid, algorithm, material, created_at, created_at, 2592000000 FROM signing_key;

DROP TABLE signing_key;
ALTER TABLE signing_key_with_life RENAME TO signing_key;

CREATE TABLE refresh_key_with_life (
    version    INTEGER PRIMARY KEY CHECK (version BETWEEN 1 AND 255),
    material   BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL,
    token_ttl  INTEGER NOT NULL
) STRICT;

INSERT INTO refresh_key_with_life (version, material, created_at, signs_from, token_ttl)
    SELECT version, material, created_at, created_at, 2592000000 FROM refresh_key;

DROP TABLE refresh_key;
ALTER TABLE refresh_key_with_life RENAME TO refresh_key;
