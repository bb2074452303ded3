-- Fills the store of a server that is not running with :sessions guests, each with one live session and one entry in
-- the cart. The ids are UUIDs of version 7 over the last ten days, in the order in which the server makes them.

-- The bench does not need the data after a power failure.
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA foreign_keys = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -500000;

CREATE TEMP TABLE fill AS SELECT :sessions AS sessions, unixepoch() * 1000 AS now, 10 * 24 * 3600 * 1000 AS span;

CREATE TEMP VIEW guest AS
WITH RECURSIVE
  number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number, fill WHERE n + 1 < sessions),
  moment (n, at, now) AS (SELECT n, now - span + n * span / sessions, now FROM number, fill)
SELECT
  printf('%08x-%04x-7%03x-8000-%012x', at >> 16, at & 65535, n & 4095, n) AS user,
  printf('%08x-%04x-7%03x-9000-%012x', at >> 16, at & 65535, n & 4095, n) AS session,
  n, at, now
FROM moment;

INSERT INTO anonymous_user (id, created_at, last_active_at) SELECT user, at, now FROM guest;

INSERT INTO session (id, user_id, refreshable, created_at, expires_at, access_expires_at)
SELECT session, user, 1, at, now + 30 * 24 * 3600 * 1000, at + 900 * 1000 FROM guest;

INSERT INTO entry (user_id, collection, key, value, created_at, updated_at)
SELECT user, 'cart', printf('%d', 1 + n % 12), printf('{"quantity":%d}', 1 + n % 3), at, at FROM guest;

PRAGMA journal_mode = WAL;
