-- The network, and browser and system, of the client that opened the session.
ALTER TABLE session ADD COLUMN network TEXT;
ALTER TABLE session ADD COLUMN label TEXT;

-- When an operator last unlocked the password of the account: earlier attempts do not count.
ALTER TABLE account ADD COLUMN unlocked_at INTEGER;
CREATE INDEX account_unlocked ON account (unlocked_at) WHERE unlocked_at IS NOT NULL;

-- No foreign key: an entry outlives its user, whom an erasure replaces by a pseudonym.
CREATE TABLE audit_entry (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    event    TEXT    NOT NULL,
    -- client, server or operator.
    actor    TEXT    NOT NULL,
    subject  TEXT,
    session  TEXT,
    -- The guest who was merged into the account `subject`.
    guest    TEXT,
    network  TEXT,
    label    TEXT,
    detail   TEXT,
    -- The number of failed attempts in the hour that begins at `at`. NULL: one event.
    attempts INTEGER
) STRICT;

CREATE INDEX audit_entry_by_time ON audit_entry (at);
CREATE INDEX audit_entry_by_subject ON audit_entry (subject) WHERE subject IS NOT NULL;
CREATE UNIQUE INDEX audit_entry_attempts
    ON audit_entry (at, event, coalesce(detail, ''), coalesce(subject, ''), coalesce(network, ''))
    WHERE attempts IS NOT NULL;
