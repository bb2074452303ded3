-- The key of a login is remembered for its time, also when its guest is erased before: it makes no other one. The session
-- that it names may be gone.

ALTER TABLE login_key DROP CONSTRAINT login_key_session_id_fkey;
DROP INDEX login_key_by_session;
