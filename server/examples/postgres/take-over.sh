#!/bin/sh
# After a backup was restored with pg_restore into a new database: takes over from the old database what has happened since the
# backup, as `guestpass restore` does for SQLite. Revoked sessions stay revoked, used refresh tokens stay used, erased guests
# stay erased, newer keys are kept, and keys that were dropped as leaked stay dropped. Everything else is as in the backup.
#
#   OLD=postgres://…/guestpass_old NEW=postgres://…/guestpass sh take-over.sh
#
# All servers must be stopped. Both databases must have the schema of one version of Guestpass: if the backup is older, start a
# server of that version once with the new database, and stop it. A test of the program (server/cli/tests/cluster) uses this file.
set -eu
umask 077

# The files contain keys.
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder"

for table in anonymous_user session erased_session erased_user used_id_token audit_entry signing_key refresh_key; do
  psql "$OLD" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --command "\\copy $table TO '$table'"
done

psql "$NEW" --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
BEGIN;
CREATE TEMP TABLE later_user (LIKE anonymous_user) ON COMMIT DROP;
CREATE TEMP TABLE later_session (LIKE session) ON COMMIT DROP;
CREATE TEMP TABLE later_erased_session (LIKE erased_session) ON COMMIT DROP;
CREATE TEMP TABLE later_erased_user (LIKE erased_user) ON COMMIT DROP;
CREATE TEMP TABLE later_id_token (LIKE used_id_token) ON COMMIT DROP;
CREATE TEMP TABLE later_audit_entry (LIKE audit_entry) ON COMMIT DROP;
CREATE TEMP TABLE later_signing_key (LIKE signing_key) ON COMMIT DROP;
CREATE TEMP TABLE later_refresh_key (LIKE refresh_key) ON COMMIT DROP;
\copy later_user FROM 'anonymous_user'
\copy later_session FROM 'session'
\copy later_erased_session FROM 'erased_session'
\copy later_erased_user FROM 'erased_user'
\copy later_id_token FROM 'used_id_token'
\copy later_audit_entry FROM 'audit_entry'
\copy later_signing_key FROM 'signing_key'
\copy later_refresh_key FROM 'refresh_key'

-- The keys of another store would invalidate every token.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM signing_key JOIN later_signing_key USING (kid))
     AND NOT EXISTS (SELECT FROM anonymous_user JOIN later_user USING (id)) THEN
    RAISE EXCEPTION 'OLD has no key and no guest of NEW: it is not a later state of the same store';
  END IF;
END $$;

-- Erasures. A user who is only absent is kept: the sweep may have removed the guest by mistake.
INSERT INTO erased_user SELECT * FROM later_erased_user ON CONFLICT DO NOTHING;
INSERT INTO erased_session
  SELECT id, access_expires_at FROM session
  WHERE sha256(uuid_send(user_id)) IN (SELECT hash FROM later_erased_user)
  ON CONFLICT DO NOTHING;
DELETE FROM anonymous_user WHERE sha256(uuid_send(id)) IN (SELECT hash FROM later_erased_user);

-- Sessions, with those that guests of the backup have opened since. The access tokens of all others are refused.
UPDATE later_session SET user_id = session.user_id
  FROM session
  WHERE session.id = later_session.id
    AND NOT EXISTS (SELECT FROM anonymous_user WHERE anonymous_user.id = later_session.user_id);
DELETE FROM session USING later_session WHERE session.id = later_session.id;
INSERT INTO session
  SELECT * FROM later_session WHERE EXISTS (SELECT FROM anonymous_user WHERE anonymous_user.id = later_session.user_id);
INSERT INTO erased_session
  SELECT id, access_expires_at FROM later_session WHERE NOT EXISTS (SELECT FROM session WHERE session.id = later_session.id)
  UNION SELECT id, access_expires_at FROM later_erased_session
  ON CONFLICT (id) DO UPDATE SET access_expires_at = greatest(erased_session.access_expires_at, excluded.access_expires_at);
UPDATE anonymous_user SET last_active_at = greatest(anonymous_user.last_active_at, later_user.last_active_at)
  FROM later_user WHERE later_user.id = anonymous_user.id;
INSERT INTO used_id_token SELECT * FROM later_id_token ON CONFLICT DO NOTHING;

-- The audit trail. Entries about erased users have their pseudonyms in it.
DELETE FROM audit_entry
  WHERE id IN (SELECT id FROM later_audit_entry) OR sha256(uuid_send(subject)) IN (SELECT hash FROM later_erased_user);
INSERT INTO audit_entry OVERRIDING SYSTEM VALUE SELECT * FROM later_audit_entry;
DO $$ BEGIN
  PERFORM setval(pg_get_serial_sequence('audit_entry', 'id'), (SELECT max(id) FROM audit_entry));
END $$;

-- Keys. When keys are replaced after a leak, all remaining keys are newer than the dropped ones.
DELETE FROM signing_key
  WHERE kid IN (SELECT kid FROM later_signing_key)
     OR created_at < (SELECT min(created_at) FROM later_signing_key);
INSERT INTO signing_key SELECT * FROM later_signing_key;
DELETE FROM refresh_key
  WHERE version IN (SELECT version FROM later_refresh_key)
     OR created_at < (SELECT min(created_at) FROM later_refresh_key);
INSERT INTO refresh_key SELECT * FROM later_refresh_key;
COMMIT;
SQL
