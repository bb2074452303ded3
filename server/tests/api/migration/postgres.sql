
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.guestpass_account_unlocked() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.unlocked_in := pg_current_xact_id();
    PERFORM pg_notify(
        'guestpass', 'unlocked ' || encode(sha256(convert_to(NEW.email, 'UTF8')), 'hex') || ' ' || NEW.unlocked_at
    );
    RETURN NEW;
END
$$;

CREATE FUNCTION public.guestpass_became_member() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.member_in := pg_current_xact_id();
    PERFORM pg_notify(
        'guestpass',
        'member ' || NEW.id || ' ' || coalesce(NEW.merged_into, NEW.id) || ' ' || coalesce(NEW.guest_tokens_until, 0)
    );
    RETURN NEW;
END
$$;

CREATE FUNCTION public.guestpass_keys_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('guestpass', 'keys');
    RETURN NULL;
END
$$;

CREATE FUNCTION public.guestpass_session_erased() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('guestpass', 'revoked ' || NEW.id || ' ' || NEW.access_expires_at);
    RETURN NULL;
END
$$;

CREATE FUNCTION public.guestpass_session_revoked() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.revoked_in := pg_current_xact_id();
    PERFORM pg_notify('guestpass', 'revoked ' || NEW.id || ' ' || NEW.access_expires_at);
    RETURN NEW;
END
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.account (
    user_id uuid NOT NULL,
    email text,
    password_hash text,
    created_at bigint NOT NULL,
    unlocked_at bigint,
    unlocked_in xid8
);

CREATE TABLE public.anonymous_user (
    id uuid NOT NULL,
    created_at bigint NOT NULL,
    last_active_at bigint NOT NULL,
    registered_at bigint,
    merged_into uuid,
    guest_tokens_until bigint,
    member_in xid8
)
WITH (fillfactor='90');

CREATE TABLE public.audit_entry (
    id bigint NOT NULL,
    at bigint NOT NULL,
    event text NOT NULL,
    actor text NOT NULL,
    subject uuid,
    session uuid,
    guest uuid,
    network text,
    label text,
    detail text,
    attempts bigint
);

ALTER TABLE public.audit_entry ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_entry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.cart_item (
    user_id uuid NOT NULL,
    item_id bigint NOT NULL,
    quantity bigint NOT NULL,
    added_at bigint NOT NULL,
    CONSTRAINT cart_item_quantity_check CHECK (((quantity >= 1) AND (quantity <= 99)))
);

CREATE TABLE public.cart_key (
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    request bytea NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE public.ceremony (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    state text NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE public.erased_session (
    id uuid NOT NULL,
    access_expires_at bigint NOT NULL,
    erased_in xid8 DEFAULT pg_current_xact_id() NOT NULL
);

CREATE TABLE public.erased_user (
    hash bytea NOT NULL,
    erased_at bigint NOT NULL
);

CREATE TABLE public.favorite_item (
    user_id uuid NOT NULL,
    item_id bigint NOT NULL,
    added_at bigint NOT NULL
);

CREATE TABLE public.heartbeat (
    id integer NOT NULL,
    at bigint,
    writes bigint DEFAULT 0 NOT NULL,
    CONSTRAINT heartbeat_id_check CHECK ((id = 1))
)
WITH (fillfactor='10');

CREATE TABLE public.history_item (
    user_id uuid NOT NULL,
    item_id bigint NOT NULL,
    viewed_at bigint NOT NULL
);

CREATE TABLE public.item (
    id bigint NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    price_cents bigint NOT NULL,
    currency text NOT NULL,
    emoji text NOT NULL,
    category text DEFAULT ''::text NOT NULL,
    CONSTRAINT item_price_cents_check CHECK ((price_cents >= 0))
);

CREATE TABLE public.known_network (
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    used_at bigint NOT NULL
);

CREATE TABLE public.linked_identity (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE public.login_key (
    hash bytea NOT NULL,
    session_id uuid NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE public.passkey (
    credential_id bytea NOT NULL,
    user_id uuid NOT NULL,
    data text NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE public.preferences (
    user_id uuid NOT NULL,
    data text NOT NULL
);

CREATE TABLE public.refinery_schema_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);

CREATE TABLE public.refresh_key (
    version smallint NOT NULL,
    material bytea NOT NULL,
    created_at bigint NOT NULL,
    signs_from bigint NOT NULL,
    token_ttl bigint NOT NULL,
    CONSTRAINT refresh_key_version_check CHECK (((version >= 1) AND (version <= 255)))
);

CREATE TABLE public.session (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    refreshable boolean NOT NULL,
    counter bigint DEFAULT 0 NOT NULL,
    created_at bigint NOT NULL,
    rotated_at bigint,
    expires_at bigint NOT NULL,
    access_expires_at bigint NOT NULL,
    revoked_at bigint,
    revoked_in xid8,
    unconfirmed boolean DEFAULT false NOT NULL,
    network text,
    label text
)
WITH (fillfactor='80');

CREATE TABLE public.signing_key (
    kid text NOT NULL,
    algorithm text NOT NULL,
    material bytea NOT NULL,
    created_at bigint NOT NULL,
    signs_from bigint NOT NULL,
    token_ttl bigint NOT NULL
);

CREATE TABLE public.sweep_day (
    id integer NOT NULL,
    began_at bigint DEFAULT 0 NOT NULL,
    removed bigint DEFAULT 0 NOT NULL,
    CONSTRAINT sweep_day_id_check CHECK ((id = 1))
);

CREATE TABLE public.upgrade_key (
    hash bytea NOT NULL,
    asking_session uuid NOT NULL,
    asking_counter bigint NOT NULL,
    request bytea NOT NULL,
    session_id uuid NOT NULL,
    registered boolean NOT NULL,
    merged boolean NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE public.used_id_token (
    hash bytea NOT NULL,
    expires_at bigint NOT NULL
);

INSERT INTO public.account VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 'ada@example.com', '$argon2id$v=19$m=19456,t=2,p=1$3rzADTmRv7/SWlQIqIMrVg$cqlo3tgxxUYUKL/+fHYkuXQ3uCzs7zd6kMTTCZlXx84', 1795665765252, NULL, NULL);

INSERT INTO public.anonymous_user VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 1795665765087, 1795665765683, NULL, NULL, NULL, NULL);
INSERT INTO public.anonymous_user VALUES ('01a21605-2360-7344-baf7-293a2c56922c', 1795665765216, 1795665765694, NULL, NULL, NULL, NULL);
INSERT INTO public.anonymous_user VALUES ('01a21605-2364-74b4-ae72-a4d936343262', 1795665765220, 1795665765703, NULL, NULL, NULL, NULL);
INSERT INTO public.anonymous_user VALUES ('01a21605-236f-70ca-8d8d-e072fe81ca15', 1795665765231, 1795665765711, NULL, NULL, NULL, NULL);
INSERT INTO public.anonymous_user VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 1795665765235, 1795665765723, 1795665765252, NULL, 1795666666000, '840');
INSERT INTO public.anonymous_user VALUES ('01a21605-2470-754d-82fc-20f8f7d6341f', 1795665765488, 1795665765535, NULL, '01a21605-2373-74c0-a0f3-eea4fb1aba45', 1795666666000, '849');
INSERT INTO public.anonymous_user VALUES ('01a21605-251b-7516-8e32-83fde51b4a38', 1795665765659, 1795665765730, NULL, NULL, NULL, NULL);

INSERT INTO public.audit_entry OVERRIDING SYSTEM VALUE VALUES (1, 1795665765252, 'registered', 'client', '01a21605-2373-74c0-a0f3-eea4fb1aba45', '01a21605-2384-73e0-a18b-a5defe8de024', NULL, '127.0.0.1', 'other', 'password', NULL);
INSERT INTO public.audit_entry OVERRIDING SYSTEM VALUE VALUES (2, 1795665765535, 'logged_in', 'client', '01a21605-2373-74c0-a0f3-eea4fb1aba45', '01a21605-249f-7702-a2bf-0600f2f1cbee', '01a21605-2470-754d-82fc-20f8f7d6341f', '127.0.0.1', 'other', 'password', NULL);

INSERT INTO public.cart_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 12, 99, 1795665765102);
INSERT INTO public.cart_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 3, 1, 1795665765139);
INSERT INTO public.cart_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 1, 5, 1795665765092);
INSERT INTO public.cart_item VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 4, 1, 1795665765241);
INSERT INTO public.cart_item VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 2, 99, 1795665765238);
INSERT INTO public.cart_item VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 5, 7, 1795665765503);
INSERT INTO public.cart_item VALUES ('01a21605-251b-7516-8e32-83fde51b4a38', 6, 1, 1795665765671);

INSERT INTO public.cart_key VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', '\xa4d51469ef4f239b4bfec6c9b88527a495fec14284afb9731a542977926f03c1', '\x952d0e46b5d32fbbd8c49ef9c6dc361643eefb15a198b750ad63a7257abd8ec3', 1795665765092);
INSERT INTO public.cart_key VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', '\xb7fc154ff9a49a7069f46f5f72547817a0a3e5578878afb15798f6027caf28c8', '\x978626a27612f8d5c7809159b1e8f15dc3cdf69eec5b650267b430c3fc777af4', 1795665765143);
INSERT INTO public.cart_key VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', '\xacaae03ddaab9975d0c4536ee0fb0746e35390fb086dcb9a4ea9db8f4b9564ba', '\xc23f2458db9b6bb81721a9b05ccd3a74090a6b18594ebc135b5c278dc0d2c907', 1795665765499);

INSERT INTO public.favorite_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 7, 1795665765198);
INSERT INTO public.favorite_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 2, 1795665765202);
INSERT INTO public.favorite_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 11, 1795665765205);
INSERT INTO public.favorite_item VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 3, 1795665765247);
INSERT INTO public.favorite_item VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 4, 1795665765525);

INSERT INTO public.heartbeat VALUES (1, 1795665765039, 1);

INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 1, 1795665765148);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 2, 1795665765152);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 3, 1795665765156);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 4, 1795665765158);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 6, 1795665765167);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 7, 1795665765172);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 8, 1795665765175);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 9, 1795665765178);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 10, 1795665765180);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 11, 1795665765184);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 12, 1795665765187);
INSERT INTO public.history_item VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', 5, 1795665765196);
INSERT INTO public.history_item VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 3, 1795665765244);
INSERT INTO public.history_item VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', 4, 1795665765519);

INSERT INTO public.item VALUES (1, 'Stoneware teapot', 'Holds four cups and pours without a drip.', 3490, 'EUR', '🫖', 'kitchen');
INSERT INTO public.item VALUES (2, 'Morning mug', 'Thick rim, wide handle, room for a proper coffee.', 1290, 'EUR', '☕', 'kitchen');
INSERT INTO public.item VALUES (3, 'Wool blanket', 'Woven from undyed wool; warm on a balcony in October.', 6900, 'EUR', '🧶', 'home');
INSERT INTO public.item VALUES (4, 'Beeswax candle', 'Burns for thirty hours and smells faintly of honey.', 990, 'EUR', '🕯️', 'home');
INSERT INTO public.item VALUES (5, 'Potted monstera', 'Forgives a missed watering, or three.', 2450, 'EUR', '🪴', 'home');
INSERT INTO public.item VALUES (6, 'Paper notebook', '160 dotted pages that lie flat when opened.', 1150, 'EUR', '📓', 'paper');
INSERT INTO public.item VALUES (7, 'Fountain pen', 'A fine steel nib that starts at the first stroke.', 2800, 'EUR', '🖋️', 'paper');
INSERT INTO public.item VALUES (8, 'Forest honey', 'From one valley and one summer; 500 g.', 890, 'EUR', '🍯', 'pantry');
INSERT INTO public.item VALUES (9, 'Dark chocolate', '72 % cocoa with a little sea salt.', 420, 'EUR', '🍫', 'pantry');
INSERT INTO public.item VALUES (10, 'Sourdough loaf', 'Baked this morning; better tomorrow.', 560, 'EUR', '🍞', 'pantry');
INSERT INTO public.item VALUES (11, 'Canvas tote', 'Carries everything above at once.', 1490, 'EUR', '👜', 'outdoors');
INSERT INTO public.item VALUES (12, 'Picnic basket', 'Willow, lined with linen, for two or for one very hungry.', 4900, 'EUR', '🧺', 'outdoors');

INSERT INTO public.known_network VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', '\x3d129150018e1cb984505904b63390300203890fb3eebab43210987a5d3367e4', 1795665765635);

INSERT INTO public.preferences VALUES ('01a21605-22df-77de-88f7-f4f82f3e497f', '{"beta":false,"compact":true,"size":1.5,"theme":"dark"}');
INSERT INTO public.preferences VALUES ('01a21605-2360-7344-baf7-293a2c56922c', '{"":"empty","#-1":6,"$":3,"$.x":4,"''quote''":15,"0.3":0.30000000000000004,"1e-7":1e-7,"2^53+1":9007199254740993,"[0]":5,"\\u0000":8,"__proto__":13,"a\"b":1,"a.b":2,"back\\slash":7,"empty":"","float":2.0,"greatest":1.7976931348623157e+308,"i64":-9223372036854775808,"least":5e-324,"line\nbreak":9,"nul\u0000name":10,"nul�name":11,"tab\t\u001f":12,"text":"\"quotes\" \\ \n \u0000 \\u0000 � 🫖 é   </script>","u64":18446744073709551615,"zero":-0.0,"ключ 🫖":14}');
INSERT INTO public.preferences VALUES ('01a21605-2364-74b4-ae72-a4d936343262', '{"gNSWPH8prVqsUeQCtDR3zzX6hqo35uwZqxZOOHjkJQQrkaPehMvbfrn2yzL7C5Mg3PR4hLLOOxl3gV3FGRmrCNnFZsGqgh0frrhbkVAhRHLfBERkIyDtFDBAM0gqEzpC3N8FeKjFTrKCb0Tz8BbwTKx8EqwtHmcOJEZqgygcmtbaLGsH7Zwqhc9jXmaoq3GqlpnMR6vsUW5xcJ6MV8YWkGP1mxFyp9yIJX6uF68NcpP7BEXvfqZgimdS7jnqFCiI5ydYgqTxIBAiCofjZUljbQ6oP3Q0w7MQ0JTcKADr9Eu7e3xdRP7PI0g63eB1h3d1P7keaYRtciy4Lja4CDY3FTHbsfrpsRLPGaJYpUa7w5h2hzyCswU7vbqis9KZXTt9nHL15Cb5PeCvKyYMBqRW9AmYby3TEpy0HhWo0pmq23epYfD3QJdbmRZRMPsXBDo5VeOeTTlTxDSmygMxEnWRwvFI1tdlNODi520rE5tIdjdHbRtFxOsxQ9VliZbnGXei4Lo53t2zLE0MZwlwp23JOwv0HBhact35rktmZYmhG2Vo7ysMChyXhCXMWZeT0I07pdLInIIWLymIfix3OE1hfXV8f3JLoo58giEJEuyGePQ44xh5Gv2rkDETXgOwcICuaWdIympIgwGSY77k6rBdlW9eBOvE0mJ484S48BjW8JIWSAtTpZsnkS9PhqpGOdnjnzqhooamVRQXtc5rJpov9iodZr0laJ20AOGr8FCXpVdF4jDnTUPq977mGL6Pt7hFOzbEIuBusIu1IeZPavepk9mCqCF7TyWyazKp2TesfGMKnXQVHE88Z848ATZDvxy3KETVqyrxlbiUshF0U71P8FQdoE7bdiAP7W2lMm3Slycnsi71cuueG9n73bgUfJXaWoJAj4dvvKMZANA1NbOIEb52db9gTBmNMaZOigtubcIUm1DXQulps9r089EAm4FRVYnGlYNForEkcfRyvFllYLHBuP758sBXIvadwcIGYpbJb6dveHWYkWvMFyVyKivzmhiZI5yz2mth35TwOeMtOG5rQJs9Cpc7V4MOChy4hyyvh8vfsPVot30n1guFTD6WdrJsJs8J6ivJ907StqREfgCE9WratP86yr3uTRjjfrMN4H3k7mWFM38mTRZIzryAu0gg7JGEuhoAk5zCb7KUZU3Q7Wq2ZWwMTtEBV9zr9qD0ZzlsUXnDAUyQJKCrl75c4EsigGoc8Xb9UkK81723hL7j0hJpFSnKkS3ncE3ui9bKZSACKhkgFokVMmuEWvki5xqFq6GXoB2sWpqwHHQGecmCz2KseMbTJbQ06QZDFPE28UomexA5H7QaiuTzsL8sZBX3cadycdCpcJjdKrDjqhjQrJguYp7s06ekMA2XzIXDasH4VKBQgKJZ4seUbkYNvTUMdCg0VA0eIjLj5XAeL91KQec85QoxJpo7iOe54poTnKlvsL8EnKlddTygz0684rUDhZzFCub6wWpH10cU0iwubAnHzbG8Xricdnpgg8WGomXuhqOCouNOVnSRL66WCfDEP0heU8vhagJaa2SbdEyLlET6M2aZzUky5XoqQkC1BwI9qZP6MhZE05gV0HuIdK2mBH6IwGuy7LnI3YJvD3asVKd83XHgKxyRJgfkZIStfGSF0ZPfbpQQuXlDx35FYnDd3yHWjLTi3QRksMEWiApRek9UUQF7RYSVEzqmFWIjyFowLyPOoLihW4nUZ0XUJyWLYDl1hk8ietVKN8o4RWxPUWAt7cULSnkDXX73i67BoQHNZjRSyx5FkX0r1PhmyigqwKzfkNDI1DQZtSh1hc05qjJvmaStf7ECCEGJnaRW9MnMe6rjvV39c3ceIuDSnYRtzH9Yn3HligW9I4qVrGmQZotlqnzrrzoGRrdwtZqZ6qTK5g5OGNrlK1XN9UrUjFXWWUoMCmlcDv5qzwh3sGGcJkGhT656YKxD2qRMJgSVQZbwnajvZVW7v12PfyVAJE6sXwFwsCnDxm1C1dPOQ1cuRCC9O14SCKW9ZEaNm4sweBUQsTdSPAzrEX1UnH7qSecH603HV7B83a4tCIZxAmdF2ox8VsqzkImP6fv70KJw91ng5c9RtvoZGYMCkJnW0f5GhcEnIholY6bbkFjeJa47OGj20OiK8Xda8n0R4QmGzmRcKVUecepQRViQ1ZqZTait6esh1UxyE4jbrDDQx5RJ38ZVuNCbXzHfBH8nqLSvw1OQWc4tZzG2LtRGWU7Lb9bZ9aPXgctFiGuEjYU0jkD0dizkquIPqVnww38yKkbVdxu4XqUmSmFzCEdVQxOrxIjOqLZHflMxXTVcxSREnEr7O7hsGeRDc7cWZ9YE9dhQ1SK2Jpl3xvmzbySzgJfMYe0fgcCQjLvODs7vDGTxmWk3D5slp5jC0yZwhPRCdeTeZNgQHqSuWoTde0yzhYUJYXo6Lqp8xKmBvQjtaBzW0SOQQtDmkXqhgaMhkQQkbpUGpakDVoFYePID6IpXMP9BCJhCO6ZyXm81bvemhZ8dxHFuCpD3QBNYnbFV2GDUDrsCAoysmaM0espnbBZwBJys3yWFpWO5rPxFgGqOTqqxlpQRL7B2iWlZNzCt4o0T4qsdkOEf2nlmrxhQXll3kgw5h7eJ6YAEpUlqVbcWGlBTIbwT6ndjW0jvdtgxrrEMpBlgipZ35MsaWXQt2G6HKapbzHHnemsWgrUipUj3sNNkSbxvysclEJOnJiO5Jz0j3WFi2Pk4l15duZylhCKFU6eqsddzBIowLpRABJFiqR4g1X9Ds4vjTElOYc1A6i3jQTdSVRFhf5iQ7qazoFZC9OpiTNjC9FwDWKchA0zWxAm1m6Ln6QloVz3nJJ4H5xOhXgCSheB3DpqnLAV92rkm1TsAA44ERV3OgdEnorVCcDBTtPhLTrlYIml6rHObL6BCfeEoJtPwNTrvL9QdtJ15j6s9fRa2AzfHUJLJUEUWab2I8HNrs8zIl5gN26IYpRbFhPqot46yiirFKoEyCrbniZsD3SOqY4k29c1MBr9EECuDUEj5SrlC7vON3a4TQXLto7XdZ7CPbZscLLPv2haVPJr2saVVB3DkQ52u9IvnDcigssMRDNuzPf2Pt5z9KL8MN5mUA0qHy6JdzIt8mGncGwh9oU3nlL26JPuMyxj6YLruGn1xLyqRT2FGcCjKxjdY6LgkZjQZn7PzeaTBcylGa4hnaIMJP4AZiQUYf96ZQDxFwx0Jt0urikVtc9hYepLnexk9LYZ8YMYyYv33JiN4jAcs0uEZRUX0skVQk9iX5hYiKOgvXZ4RP80nUep47NMrbtLhVNDzzrPI8QiDDwP3vNtWYTrdZ25paHEP2gVuMcm2sMgNo3X1f8NS7dZByTMSPdU4L3lGKYsdkWYwx9784cTFj6nvayGPJuOM2ZYFTuU3gAdaiKE7mKLjWBnZCI1SihAQX6ceDAeGJKdBDPcSL7XkqmrmFoAWmhFxQ9auxCuk5PDWm7ClWl1oUeaRdF29djuu1k4AGfexfDWcwyooMfzudqH4sJU71oxb5FpJksGkmaqQlWSdcS94iu99o8k1lole7yrgF7sHoAADpcmZTUXf2si2T8Q5QRMAW9pzgBqgR3BAk421suFJZKHjKDltFZEull06P92vlFqXeHuw49W2uA3q6DekeE8QXx9smAZEYfHaTHcdnqKq3ikGloVav50p1boxAfzkOplRya8UskZ06LE5Qc0hOQ2nBFyhH30qvPIPBTbtQAkIVufiWCaPhZjxTiGHmWYFlKwdO3yELWOy3CiOBIBj75yJaalljz4p1dZAvzxisB0Rzs82gFBQZzHXAZabHKSVC2x9G59YhjtmR9wWBF8nNlgKXWk6d0uWqs2NTNZCm7yLcDhC25paohYmElqcQLgGrLqnBXU9cYpQnubjIW0zMzNyz8vvSIcRIBu4izoTrkEtgVU7BZocyOhxAiuMFWhFCvLjn9scVHZOvgVBxqHuwB16hGHADatmrddR377C20lJ":"long","nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn":1,"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx":3,"éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé":2}');
INSERT INTO public.preferences VALUES ('01a21605-2373-74c0-a0f3-eea4fb1aba45', '{"language":"de","size":2,"theme":"light"}');
INSERT INTO public.preferences VALUES ('01a21605-251b-7516-8e32-83fde51b4a38', '{}');

INSERT INTO public.refinery_schema_history VALUES (1, 'guests_sessions_and_keys', '2026-11-26T04:02:44.867959272Z', '8843930746656000616');
INSERT INTO public.refinery_schema_history VALUES (2, 'shop', '2026-11-26T04:02:44.879513928Z', '16387154437694497805');
INSERT INTO public.refinery_schema_history VALUES (3, 'key_lives', '2026-11-26T04:02:44.8848561Z', '3913383849944622997');
INSERT INTO public.refinery_schema_history VALUES (4, 'guest_data', '2026-11-26T04:02:44.899081652Z', '15819772255171613497');
INSERT INTO public.refinery_schema_history VALUES (5, 'accounts', '2026-11-26T04:02:44.910849153Z', '4861608352766579555');
INSERT INTO public.refinery_schema_history VALUES (6, 'login_keys_outlive_their_sessions', '2026-11-26T04:02:44.921256284Z', '5637082701382914746');
INSERT INTO public.refinery_schema_history VALUES (7, 'upgrades_open_a_new_session', '2026-11-26T04:02:44.926864415Z', '6031505172552037477');
INSERT INTO public.refinery_schema_history VALUES (8, 'audit', '2026-11-26T04:02:44.928770575Z', '3570483034193510861');
INSERT INTO public.refinery_schema_history VALUES (10, 'heartbeat', '2026-11-26T04:02:44.934597382Z', '1533408915988851064');
INSERT INTO public.refinery_schema_history VALUES (11, 'erased_users', '2026-11-26T04:02:44.936933531Z', '12695676433164592339');
INSERT INTO public.refinery_schema_history VALUES (12, 'known_networks', '2026-11-26T04:02:44.942575168Z', '3413335523052135181');

INSERT INTO public.session VALUES ('01a21605-22df-77de-88f7-f4f9cb7bb2ce', '01a21605-22df-77de-88f7-f4f82f3e497f', true, 0, 1795665765087, NULL, 1798257766000, 1795666666000, NULL, NULL, false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-2360-7344-baf7-293bffc8d2e2', '01a21605-2360-7344-baf7-293a2c56922c', true, 0, 1795665765216, NULL, 1798257766000, 1795666666000, NULL, NULL, false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-2364-74b4-ae72-a4da6321e699', '01a21605-2364-74b4-ae72-a4d936343262', true, 0, 1795665765220, NULL, 1798257766000, 1795666666000, NULL, NULL, false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-236f-70ca-8d8d-e073ac745ef5', '01a21605-236f-70ca-8d8d-e072fe81ca15', true, 0, 1795665765231, NULL, 1798257766000, 1795666666000, NULL, NULL, false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-2373-74c0-a0f3-eea53b27013e', '01a21605-2373-74c0-a0f3-eea4fb1aba45', true, 0, 1795665765235, NULL, 1798257766000, 1795666666000, 1795665765252, '840', false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-2384-73e0-a18b-a5defe8de024', '01a21605-2373-74c0-a0f3-eea4fb1aba45', true, 0, 1795665765252, NULL, 1798257766000, 1795666666000, NULL, NULL, false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-2470-754d-82fc-20f937d1361e', '01a21605-2373-74c0-a0f3-eea4fb1aba45', true, 0, 1795665765488, NULL, 1798257766000, 1795666666000, 1795665765535, '849', false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-249f-7702-a2bf-0600f2f1cbee', '01a21605-2373-74c0-a0f3-eea4fb1aba45', true, 0, 1795665765535, NULL, 1798257766000, 1795666666000, NULL, NULL, false, '127.0.0.1', 'other');
INSERT INTO public.session VALUES ('01a21605-251b-7516-8e32-83fe31624ef3', '01a21605-251b-7516-8e32-83fde51b4a38', true, 0, 1795665765659, NULL, 1798257766000, 1795666666000, NULL, NULL, false, '127.0.0.1', 'other');

INSERT INTO public.sweep_day VALUES (1, 0, 0);

SELECT pg_catalog.setval('public.audit_entry_id_seq', 2, true);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_email_key UNIQUE (email);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.anonymous_user
    ADD CONSTRAINT anonymous_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cart_item
    ADD CONSTRAINT cart_item_pkey PRIMARY KEY (user_id, item_id);

ALTER TABLE ONLY public.cart_key
    ADD CONSTRAINT cart_key_pkey PRIMARY KEY (user_id, hash);

ALTER TABLE ONLY public.ceremony
    ADD CONSTRAINT ceremony_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.erased_session
    ADD CONSTRAINT erased_session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.erased_user
    ADD CONSTRAINT erased_user_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.favorite_item
    ADD CONSTRAINT favorite_item_pkey PRIMARY KEY (user_id, item_id);

ALTER TABLE ONLY public.heartbeat
    ADD CONSTRAINT heartbeat_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.history_item
    ADD CONSTRAINT history_item_pkey PRIMARY KEY (user_id, item_id);

ALTER TABLE ONLY public.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.known_network
    ADD CONSTRAINT known_network_pkey PRIMARY KEY (user_id, hash);

ALTER TABLE ONLY public.linked_identity
    ADD CONSTRAINT linked_identity_pkey PRIMARY KEY (issuer, subject);

ALTER TABLE ONLY public.login_key
    ADD CONSTRAINT login_key_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_pkey PRIMARY KEY (credential_id);

ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.refinery_schema_history
    ADD CONSTRAINT refinery_schema_history_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.refresh_key
    ADD CONSTRAINT refresh_key_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT signing_key_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY public.sweep_day
    ADD CONSTRAINT sweep_day_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.upgrade_key
    ADD CONSTRAINT upgrade_key_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.used_id_token
    ADD CONSTRAINT used_id_token_pkey PRIMARY KEY (hash);

CREATE INDEX account_unlocked_in ON public.account USING btree (unlocked_in) WHERE (unlocked_in IS NOT NULL);

CREATE INDEX anonymous_user_member_in ON public.anonymous_user USING btree (member_in) WHERE (member_in IS NOT NULL);

CREATE INDEX anonymous_user_merged ON public.anonymous_user USING btree (merged_into) WHERE (merged_into IS NOT NULL);

CREATE UNIQUE INDEX audit_entry_attempts ON public.audit_entry USING btree (at, event, COALESCE(detail, ''::text), COALESCE(subject, '00000000-0000-0000-0000-000000000000'::uuid), COALESCE(network, ''::text)) WHERE (attempts IS NOT NULL);

CREATE INDEX audit_entry_by_subject ON public.audit_entry USING btree (subject) WHERE (subject IS NOT NULL);

CREATE INDEX audit_entry_by_time ON public.audit_entry USING btree (at);

CREATE INDEX cart_item_by_item ON public.cart_item USING btree (item_id);

CREATE INDEX cart_key_by_age ON public.cart_key USING btree (created_at);

CREATE INDEX ceremony_by_age ON public.ceremony USING btree (expires_at);

CREATE INDEX ceremony_by_user ON public.ceremony USING btree (user_id);

CREATE INDEX erased_session_by_expiry ON public.erased_session USING btree (access_expires_at);

CREATE INDEX erased_session_in ON public.erased_session USING btree (erased_in);

CREATE INDEX erased_user_by_age ON public.erased_user USING btree (erased_at);

CREATE INDEX favorite_item_by_item ON public.favorite_item USING btree (item_id);

CREATE INDEX history_item_by_item ON public.history_item USING btree (item_id);

CREATE INDEX known_network_by_age ON public.known_network USING btree (used_at);

CREATE INDEX linked_identity_by_user ON public.linked_identity USING btree (user_id);

CREATE INDEX login_key_by_age ON public.login_key USING btree (created_at);

CREATE INDEX passkey_by_user ON public.passkey USING btree (user_id);

CREATE INDEX session_by_user ON public.session USING btree (user_id);

CREATE INDEX session_revoked_in ON public.session USING btree (revoked_in) WHERE (revoked_in IS NOT NULL);

CREATE INDEX upgrade_key_by_age ON public.upgrade_key USING btree (created_at);

CREATE INDEX upgrade_key_by_session ON public.upgrade_key USING btree (session_id);

CREATE INDEX used_id_token_by_age ON public.used_id_token USING btree (expires_at);

CREATE TRIGGER account_unlocked BEFORE UPDATE OF unlocked_at ON public.account FOR EACH ROW WHEN (((new.unlocked_at IS NOT NULL) AND (new.email IS NOT NULL))) EXECUTE FUNCTION public.guestpass_account_unlocked();

CREATE TRIGGER became_member BEFORE UPDATE OF registered_at, merged_into ON public.anonymous_user FOR EACH ROW WHEN (((old.registered_at IS DISTINCT FROM new.registered_at) OR (old.merged_into IS DISTINCT FROM new.merged_into))) EXECUTE FUNCTION public.guestpass_became_member();

CREATE TRIGGER refresh_key_changed AFTER INSERT OR DELETE OR UPDATE ON public.refresh_key FOR EACH STATEMENT EXECUTE FUNCTION public.guestpass_keys_changed();

CREATE TRIGGER session_erased AFTER INSERT ON public.erased_session FOR EACH ROW EXECUTE FUNCTION public.guestpass_session_erased();

CREATE TRIGGER session_revoked BEFORE UPDATE OF revoked_at ON public.session FOR EACH ROW WHEN (((old.revoked_at IS NULL) AND (new.revoked_at IS NOT NULL))) EXECUTE FUNCTION public.guestpass_session_revoked();

CREATE TRIGGER signing_key_changed AFTER INSERT OR DELETE OR UPDATE ON public.signing_key FOR EACH STATEMENT EXECUTE FUNCTION public.guestpass_keys_changed();

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.anonymous_user
    ADD CONSTRAINT anonymous_user_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.cart_item
    ADD CONSTRAINT cart_item_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.item(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.cart_item
    ADD CONSTRAINT cart_item_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.cart_key
    ADD CONSTRAINT cart_key_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.ceremony
    ADD CONSTRAINT ceremony_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.favorite_item
    ADD CONSTRAINT favorite_item_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.item(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.favorite_item
    ADD CONSTRAINT favorite_item_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.history_item
    ADD CONSTRAINT history_item_item_id_fkey FOREIGN KEY (item_id) REFERENCES public.item(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.history_item
    ADD CONSTRAINT history_item_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.known_network
    ADD CONSTRAINT known_network_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.account(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.linked_identity
    ADD CONSTRAINT linked_identity_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.account(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.account(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.anonymous_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.upgrade_key
    ADD CONSTRAINT upgrade_key_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.session(id) ON DELETE CASCADE;

