-- The network, and browser and system, of the client that opened the session.
ALTER TABLE session ADD COLUMN network TEXT;
ALTER TABLE session ADD COLUMN label TEXT;

-- When an operator last unlocked the password of the account: earlier attempts do not count.
ALTER TABLE account ADD COLUMN unlocked_at BIGINT;
-- The transaction that unlocked it: what other nodes find it by.
ALTER TABLE account ADD COLUMN unlocked_in XID8;
CREATE INDEX account_unlocked_in ON account (unlocked_in) WHERE unlocked_in IS NOT NULL;

-- The nodes know an account by the SHA-256 of its e-mail address.
CREATE FUNCTION guestpass_account_unlocked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.unlocked_in := pg_current_xact_id();
    PERFORM pg_notify(
        'guestpass', 'unlocked ' || encode(sha256(convert_to(NEW.email, 'UTF8')), 'hex') || ' ' || NEW.unlocked_at
    );
    RETURN NEW;
END
$$;

CREATE TRIGGER account_unlocked BEFORE UPDATE OF unlocked_at ON account FOR EACH ROW
    WHEN (NEW.unlocked_at IS NOT NULL AND NEW.email IS NOT NULL)
    EXECUTE FUNCTION guestpass_account_unlocked();

-- No foreign key: an entry outlives its user, whom an erasure replaces by a pseudonym.
CREATE TABLE audit_entry (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       BIGINT NOT NULL,
    event    TEXT   NOT NULL,
    -- client, server or operator.
    actor    TEXT   NOT NULL,
    subject  UUID,
    session  UUID,
    -- The guest who was merged into the account `subject`.
    guest    UUID,
    network  TEXT,
    label    TEXT,
    detail   TEXT,
    -- The number of failed attempts in the hour that begins at `at`. NULL: one event.
    attempts BIGINT
);

CREATE INDEX audit_entry_by_time ON audit_entry (at);
CREATE INDEX audit_entry_by_subject ON audit_entry (subject) WHERE subject IS NOT NULL;
CREATE UNIQUE INDEX audit_entry_attempts
    ON audit_entry (at, event, coalesce(detail, ''), coalesce(subject, '00000000-0000-0000-0000-000000000000'), coalesce(network, ''))
    WHERE attempts IS NOT NULL;
