-- A key says from when it signs and how long its tokens live; nothing switches it on or off. The newest one that has begun
-- signs, the others verify until their last token has expired. token_ttl: milliseconds. The default lives of tokens so far
-- are those below; a server raises them at its start if its own are longer.

ALTER TABLE signing_key ADD COLUMN signs_from BIGINT;
ALTER TABLE signing_key ADD COLUMN token_ttl BIGINT NOT NULL DEFAULT 2592000000;
UPDATE signing_key SET signs_from = created_at;
ALTER TABLE signing_key ALTER COLUMN signs_from SET NOT NULL;
ALTER TABLE signing_key ALTER COLUMN token_ttl DROP DEFAULT;
ALTER TABLE signing_key DROP COLUMN state;
ALTER TABLE signing_key DROP COLUMN retired_at;

ALTER TABLE refresh_key ADD COLUMN signs_from BIGINT;
ALTER TABLE refresh_key ADD COLUMN token_ttl BIGINT NOT NULL DEFAULT 2592000000;
UPDATE refresh_key SET signs_from = created_at;
ALTER TABLE refresh_key ALTER COLUMN signs_from SET NOT NULL;
ALTER TABLE refresh_key ALTER COLUMN token_ttl DROP DEFAULT;
