-- The networks from which members have signed in: wrong passwords from elsewhere do not lock a member out there. As a hash, so
-- that the addresses cannot be read.

CREATE TABLE known_network (
    user_id UUID   NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    hash    BYTEA  NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, hash)
);

CREATE INDEX known_network_by_age ON known_network (used_at);
