-- Users who were erased, so that they can be erased again after an older backup has been restored. SHA-256 of the 16 bytes of
-- the id (sha256(uuid_send(id))), which says nothing about a user to a reader who does not have the id.

CREATE TABLE erased_user (
    hash      bytea  PRIMARY KEY,
    erased_at bigint NOT NULL
);

CREATE INDEX erased_user_by_age ON erased_user (erased_at);
