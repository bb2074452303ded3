PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE refinery_schema_history(
             version int4 PRIMARY KEY,
             name VARCHAR(255),
             applied_on VARCHAR(255),
             checksum VARCHAR(255));
INSERT INTO refinery_schema_history VALUES(1,'guests_sessions_and_keys','2026-11-26T04:02:46.710275204Z','6315853598674928414');
INSERT INTO refinery_schema_history VALUES(2,'shop','2026-11-26T04:02:46.710331741Z','1002955602701134485');
INSERT INTO refinery_schema_history VALUES(3,'key_lives','2026-11-26T04:02:46.710334252Z','16338353286119044512');
INSERT INTO refinery_schema_history VALUES(4,'guest_data','2026-11-26T04:02:46.710336451Z','5654715027005602939');
INSERT INTO refinery_schema_history VALUES(5,'accounts','2026-11-26T04:02:46.710338329Z','17020556624856613915');
INSERT INTO refinery_schema_history VALUES(6,'login_keys_outlive_their_sessions','2026-11-26T04:02:46.710340846Z','12886827162931847877');
INSERT INTO refinery_schema_history VALUES(7,'upgrades_open_a_new_session','2026-11-26T04:02:46.710342481Z','11654230535232961494');
INSERT INTO refinery_schema_history VALUES(8,'audit','2026-11-26T04:02:46.710343917Z','12048275833572149461');
INSERT INTO refinery_schema_history VALUES(10,'heartbeat','2026-11-26T04:02:46.710345695Z','2373905593940504392');
INSERT INTO refinery_schema_history VALUES(11,'erased_users','2026-11-26T04:02:46.710347743Z','505027155662691987');
INSERT INTO refinery_schema_history VALUES(12,'known_networks','2026-11-26T04:02:46.710349023Z','14440432551969747832');
CREATE TABLE anonymous_user (
    id             TEXT    PRIMARY KEY,
    created_at     INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL
, registered_at INTEGER, merged_into TEXT REFERENCES anonymous_user (id) ON DELETE CASCADE, guest_tokens_until INTEGER) STRICT, WITHOUT ROWID;
INSERT INTO anonymous_user VALUES('01a21605-29d1-7619-8779-99102269f8d2',1795665766865,1795665767195,NULL,NULL,NULL);
INSERT INTO anonymous_user VALUES('01a21605-29ff-72b7-b8c9-e70c6ccc05b5',1795665766911,1795665767198,NULL,NULL,NULL);
INSERT INTO anonymous_user VALUES('01a21605-2a03-7604-a8c5-8017280b2770',1795665766915,1795665767201,NULL,NULL,NULL);
INSERT INTO anonymous_user VALUES('01a21605-2a09-77b6-b48a-b88ea87a1c2b',1795665766921,1795665767208,NULL,NULL,NULL);
INSERT INTO anonymous_user VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',1795665766923,1795665767211,1795665766936,NULL,1795666667000);
INSERT INTO anonymous_user VALUES('01a21605-2a98-7146-b26a-0710be76af69',1795665767064,1795665767119,NULL,'01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',1795666668000);
INSERT INTO anonymous_user VALUES('01a21605-2b03-7226-9d1e-14261e0fe86a',1795665767171,1795665767213,NULL,NULL,NULL);
CREATE TABLE session (
    id                TEXT    PRIMARY KEY,
    user_id           TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    -- 1: has refresh tokens. 0: one long-lived access token and nothing else.
    refreshable       INTEGER NOT NULL,
    -- The counter that the current refresh token carries: + 1 per rotation.
    counter           INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    rotated_at        INTEGER,
    -- Idle expiry; slides with each rotation.
    expires_at        INTEGER NOT NULL,
    -- When the last access token of this session will have expired: until then a revocation must be remembered.
    access_expires_at INTEGER NOT NULL,
    revoked_at        INTEGER
, unconfirmed INTEGER NOT NULL DEFAULT 0, network TEXT, label TEXT) STRICT, WITHOUT ROWID;
INSERT INTO session VALUES('01a21605-29d1-7619-8779-9911f3cb56cb','01a21605-29d1-7619-8779-99102269f8d2',1,0,1795665766865,NULL,1798257767000,1795666667000,NULL,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-29ff-72b7-b8c9-e70dfb938562','01a21605-29ff-72b7-b8c9-e70c6ccc05b5',1,0,1795665766911,NULL,1798257767000,1795666667000,NULL,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-2a03-7604-a8c5-8018e49019f2','01a21605-2a03-7604-a8c5-8017280b2770',1,0,1795665766915,NULL,1798257767000,1795666667000,NULL,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-2a09-77b6-b48a-b88f406c6235','01a21605-2a09-77b6-b48a-b88ea87a1c2b',1,0,1795665766921,NULL,1798257767000,1795666667000,NULL,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-2a0b-7576-a2e5-4e3ddb2b3935','01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',1,0,1795665766923,NULL,1798257767000,1795666667000,1795665766936,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-2a18-768b-8d4d-ec7ee0f6c238','01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',1,0,1795665766936,NULL,1798257767000,1795666667000,NULL,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-2a98-7146-b26a-0711fa4417bb','01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',1,0,1795665767064,NULL,1798257768000,1795666668000,1795665767119,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-2acf-737c-8602-157470d69345','01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',1,0,1795665767119,NULL,1798257768000,1795666668000,NULL,0,'127.0.0.1','other');
INSERT INTO session VALUES('01a21605-2b03-7226-9d1e-142795e3a4c3','01a21605-2b03-7226-9d1e-14261e0fe86a',1,0,1795665767171,NULL,1798257768000,1795666668000,NULL,0,'127.0.0.1','other');
CREATE TABLE item (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    currency    TEXT    NOT NULL,
    emoji       TEXT    NOT NULL
, category TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO item VALUES(1,'Stoneware teapot','Holds four cups and pours without a drip.',3490,'EUR','🫖','kitchen');
INSERT INTO item VALUES(2,'Morning mug','Thick rim, wide handle, room for a proper coffee.',1290,'EUR','☕','kitchen');
INSERT INTO item VALUES(3,'Wool blanket','Woven from undyed wool; warm on a balcony in October.',6900,'EUR','🧶','home');
INSERT INTO item VALUES(4,'Beeswax candle','Burns for thirty hours and smells faintly of honey.',990,'EUR','🕯️','home');
INSERT INTO item VALUES(5,'Potted monstera','Forgives a missed watering, or three.',2450,'EUR','🪴','home');
INSERT INTO item VALUES(6,'Paper notebook','160 dotted pages that lie flat when opened.',1150,'EUR','📓','paper');
INSERT INTO item VALUES(7,'Fountain pen','A fine steel nib that starts at the first stroke.',2800,'EUR','🖋️','paper');
INSERT INTO item VALUES(8,'Forest honey','From one valley and one summer; 500 g.',890,'EUR','🍯','pantry');
INSERT INTO item VALUES(9,'Dark chocolate','72 % cocoa with a little sea salt.',420,'EUR','🍫','pantry');
INSERT INTO item VALUES(10,'Sourdough loaf','Baked this morning; better tomorrow.',560,'EUR','🍞','pantry');
INSERT INTO item VALUES(11,'Canvas tote','Carries everything above at once.',1490,'EUR','👜','outdoors');
INSERT INTO item VALUES(12,'Picnic basket','Willow, lined with linen, for two or for one very hungry.',4900,'EUR','🧺','outdoors');
CREATE TABLE cart_item (
    user_id  TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id  INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 99),
    added_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, item_id)
) STRICT, WITHOUT ROWID;
INSERT INTO cart_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',1,5,1795665766868);
INSERT INTO cart_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',3,1,1795665766874);
INSERT INTO cart_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',12,99,1795665766872);
INSERT INTO cart_item VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',2,99,1795665766926);
INSERT INTO cart_item VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',4,1,1795665766928);
INSERT INTO cart_item VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',5,7,1795665767078);
INSERT INTO cart_item VALUES('01a21605-2b03-7226-9d1e-14261e0fe86a',6,1,1795665767187);
CREATE TABLE IF NOT EXISTS "signing_key" (
    kid        TEXT    PRIMARY KEY,
    algorithm  TEXT    NOT NULL,
    material   BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL,
    token_ttl  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "refresh_key" (
    version    INTEGER PRIMARY KEY CHECK (version BETWEEN 1 AND 255),
    material   BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    signs_from INTEGER NOT NULL,
    token_ttl  INTEGER NOT NULL
) STRICT;
CREATE TABLE history_item (
    user_id   TEXT NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id   INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    viewed_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, item_id)
) STRICT, WITHOUT ROWID;
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',1,1795665766878);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',2,1795665766880);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',3,1795665766882);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',4,1795665766884);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',5,1795665766901);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',6,1795665766888);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',7,1795665766890);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',8,1795665766892);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',9,1795665766894);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',10,1795665766896);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',11,1795665766897);
INSERT INTO history_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',12,1795665766899);
INSERT INTO history_item VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',3,1795665766930);
INSERT INTO history_item VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',4,1795665767087);
CREATE TABLE favorite_item (
    user_id  TEXT NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    item_id  INTEGER NOT NULL REFERENCES item (id) ON DELETE CASCADE,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, item_id)
) STRICT, WITHOUT ROWID;
INSERT INTO favorite_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',2,1795665766905);
INSERT INTO favorite_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',7,1795665766903);
INSERT INTO favorite_item VALUES('01a21605-29d1-7619-8779-99102269f8d2',11,1795665766906);
INSERT INTO favorite_item VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',3,1795665766932);
INSERT INTO favorite_item VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',4,1795665767103);
CREATE TABLE preferences (
    user_id TEXT PRIMARY KEY REFERENCES anonymous_user (id) ON DELETE CASCADE,
    data    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO preferences VALUES('01a21605-29d1-7619-8779-99102269f8d2','{"beta":false,"compact":true,"size":1.5,"theme":"dark"}');
INSERT INTO preferences VALUES('01a21605-29ff-72b7-b8c9-e70c6ccc05b5','{"":"empty","#-1":6,"$":3,"$.x":4,"''quote''":15,"0.3":0.30000000000000004,"1e-7":1e-7,"2^53+1":9007199254740993,"[0]":5,"\\u0000":8,"__proto__":13,"a\"b":1,"a.b":2,"back\\slash":7,"empty":"","float":2.0,"greatest":1.7976931348623157e+308,"i64":-9223372036854775808,"least":5e-324,"line\nbreak":9,"nul\u0000name":10,"nul�name":11,"tab\t\u001f":12,"text":"\"quotes\" \\ \n \u0000 \\u0000 � 🫖 é   </script>","u64":18446744073709551615,"zero":-0.0,"ключ 🫖":14}');
INSERT INTO preferences VALUES('01a21605-2a03-7604-a8c5-8017280b2770','{"gNSWPH8prVqsUeQCtDR3zzX6hqo35uwZqxZOOHjkJQQrkaPehMvbfrn2yzL7C5Mg3PR4hLLOOxl3gV3FGRmrCNnFZsGqgh0frrhbkVAhRHLfBERkIyDtFDBAM0gqEzpC3N8FeKjFTrKCb0Tz8BbwTKx8EqwtHmcOJEZqgygcmtbaLGsH7Zwqhc9jXmaoq3GqlpnMR6vsUW5xcJ6MV8YWkGP1mxFyp9yIJX6uF68NcpP7BEXvfqZgimdS7jnqFCiI5ydYgqTxIBAiCofjZUljbQ6oP3Q0w7MQ0JTcKADr9Eu7e3xdRP7PI0g63eB1h3d1P7keaYRtciy4Lja4CDY3FTHbsfrpsRLPGaJYpUa7w5h2hzyCswU7vbqis9KZXTt9nHL15Cb5PeCvKyYMBqRW9AmYby3TEpy0HhWo0pmq23epYfD3QJdbmRZRMPsXBDo5VeOeTTlTxDSmygMxEnWRwvFI1tdlNODi520rE5tIdjdHbRtFxOsxQ9VliZbnGXei4Lo53t2zLE0MZwlwp23JOwv0HBhact35rktmZYmhG2Vo7ysMChyXhCXMWZeT0I07pdLInIIWLymIfix3OE1hfXV8f3JLoo58giEJEuyGePQ44xh5Gv2rkDETXgOwcICuaWdIympIgwGSY77k6rBdlW9eBOvE0mJ484S48BjW8JIWSAtTpZsnkS9PhqpGOdnjnzqhooamVRQXtc5rJpov9iodZr0laJ20AOGr8FCXpVdF4jDnTUPq977mGL6Pt7hFOzbEIuBusIu1IeZPavepk9mCqCF7TyWyazKp2TesfGMKnXQVHE88Z848ATZDvxy3KETVqyrxlbiUshF0U71P8FQdoE7bdiAP7W2lMm3Slycnsi71cuueG9n73bgUfJXaWoJAj4dvvKMZANA1NbOIEb52db9gTBmNMaZOigtubcIUm1DXQulps9r089EAm4FRVYnGlYNForEkcfRyvFllYLHBuP758sBXIvadwcIGYpbJb6dveHWYkWvMFyVyKivzmhiZI5yz2mth35TwOeMtOG5rQJs9Cpc7V4MOChy4hyyvh8vfsPVot30n1guFTD6WdrJsJs8J6ivJ907StqREfgCE9WratP86yr3uTRjjfrMN4H3k7mWFM38mTRZIzryAu0gg7JGEuhoAk5zCb7KUZU3Q7Wq2ZWwMTtEBV9zr9qD0ZzlsUXnDAUyQJKCrl75c4EsigGoc8Xb9UkK81723hL7j0hJpFSnKkS3ncE3ui9bKZSACKhkgFokVMmuEWvki5xqFq6GXoB2sWpqwHHQGecmCz2KseMbTJbQ06QZDFPE28UomexA5H7QaiuTzsL8sZBX3cadycdCpcJjdKrDjqhjQrJguYp7s06ekMA2XzIXDasH4VKBQgKJZ4seUbkYNvTUMdCg0VA0eIjLj5XAeL91KQec85QoxJpo7iOe54poTnKlvsL8EnKlddTygz0684rUDhZzFCub6wWpH10cU0iwubAnHzbG8Xricdnpgg8WGomXuhqOCouNOVnSRL66WCfDEP0heU8vhagJaa2SbdEyLlET6M2aZzUky5XoqQkC1BwI9qZP6MhZE05gV0HuIdK2mBH6IwGuy7LnI3YJvD3asVKd83XHgKxyRJgfkZIStfGSF0ZPfbpQQuXlDx35FYnDd3yHWjLTi3QRksMEWiApRek9UUQF7RYSVEzqmFWIjyFowLyPOoLihW4nUZ0XUJyWLYDl1hk8ietVKN8o4RWxPUWAt7cULSnkDXX73i67BoQHNZjRSyx5FkX0r1PhmyigqwKzfkNDI1DQZtSh1hc05qjJvmaStf7ECCEGJnaRW9MnMe6rjvV39c3ceIuDSnYRtzH9Yn3HligW9I4qVrGmQZotlqnzrrzoGRrdwtZqZ6qTK5g5OGNrlK1XN9UrUjFXWWUoMCmlcDv5qzwh3sGGcJkGhT656YKxD2qRMJgSVQZbwnajvZVW7v12PfyVAJE6sXwFwsCnDxm1C1dPOQ1cuRCC9O14SCKW9ZEaNm4sweBUQsTdSPAzrEX1UnH7qSecH603HV7B83a4tCIZxAmdF2ox8VsqzkImP6fv70KJw91ng5c9RtvoZGYMCkJnW0f5GhcEnIholY6bbkFjeJa47OGj20OiK8Xda8n0R4QmGzmRcKVUecepQRViQ1ZqZTait6esh1UxyE4jbrDDQx5RJ38ZVuNCbXzHfBH8nqLSvw1OQWc4tZzG2LtRGWU7Lb9bZ9aPXgctFiGuEjYU0jkD0dizkquIPqVnww38yKkbVdxu4XqUmSmFzCEdVQxOrxIjOqLZHflMxXTVcxSREnEr7O7hsGeRDc7cWZ9YE9dhQ1SK2Jpl3xvmzbySzgJfMYe0fgcCQjLvODs7vDGTxmWk3D5slp5jC0yZwhPRCdeTeZNgQHqSuWoTde0yzhYUJYXo6Lqp8xKmBvQjtaBzW0SOQQtDmkXqhgaMhkQQkbpUGpakDVoFYePID6IpXMP9BCJhCO6ZyXm81bvemhZ8dxHFuCpD3QBNYnbFV2GDUDrsCAoysmaM0espnbBZwBJys3yWFpWO5rPxFgGqOTqqxlpQRL7B2iWlZNzCt4o0T4qsdkOEf2nlmrxhQXll3kgw5h7eJ6YAEpUlqVbcWGlBTIbwT6ndjW0jvdtgxrrEMpBlgipZ35MsaWXQt2G6HKapbzHHnemsWgrUipUj3sNNkSbxvysclEJOnJiO5Jz0j3WFi2Pk4l15duZylhCKFU6eqsddzBIowLpRABJFiqR4g1X9Ds4vjTElOYc1A6i3jQTdSVRFhf5iQ7qazoFZC9OpiTNjC9FwDWKchA0zWxAm1m6Ln6QloVz3nJJ4H5xOhXgCSheB3DpqnLAV92rkm1TsAA44ERV3OgdEnorVCcDBTtPhLTrlYIml6rHObL6BCfeEoJtPwNTrvL9QdtJ15j6s9fRa2AzfHUJLJUEUWab2I8HNrs8zIl5gN26IYpRbFhPqot46yiirFKoEyCrbniZsD3SOqY4k29c1MBr9EECuDUEj5SrlC7vON3a4TQXLto7XdZ7CPbZscLLPv2haVPJr2saVVB3DkQ52u9IvnDcigssMRDNuzPf2Pt5z9KL8MN5mUA0qHy6JdzIt8mGncGwh9oU3nlL26JPuMyxj6YLruGn1xLyqRT2FGcCjKxjdY6LgkZjQZn7PzeaTBcylGa4hnaIMJP4AZiQUYf96ZQDxFwx0Jt0urikVtc9hYepLnexk9LYZ8YMYyYv33JiN4jAcs0uEZRUX0skVQk9iX5hYiKOgvXZ4RP80nUep47NMrbtLhVNDzzrPI8QiDDwP3vNtWYTrdZ25paHEP2gVuMcm2sMgNo3X1f8NS7dZByTMSPdU4L3lGKYsdkWYwx9784cTFj6nvayGPJuOM2ZYFTuU3gAdaiKE7mKLjWBnZCI1SihAQX6ceDAeGJKdBDPcSL7XkqmrmFoAWmhFxQ9auxCuk5PDWm7ClWl1oUeaRdF29djuu1k4AGfexfDWcwyooMfzudqH4sJU71oxb5FpJksGkmaqQlWSdcS94iu99o8k1lole7yrgF7sHoAADpcmZTUXf2si2T8Q5QRMAW9pzgBqgR3BAk421suFJZKHjKDltFZEull06P92vlFqXeHuw49W2uA3q6DekeE8QXx9smAZEYfHaTHcdnqKq3ikGloVav50p1boxAfzkOplRya8UskZ06LE5Qc0hOQ2nBFyhH30qvPIPBTbtQAkIVufiWCaPhZjxTiGHmWYFlKwdO3yELWOy3CiOBIBj75yJaalljz4p1dZAvzxisB0Rzs82gFBQZzHXAZabHKSVC2x9G59YhjtmR9wWBF8nNlgKXWk6d0uWqs2NTNZCm7yLcDhC25paohYmElqcQLgGrLqnBXU9cYpQnubjIW0zMzNyz8vvSIcRIBu4izoTrkEtgVU7BZocyOhxAiuMFWhFCvLjn9scVHZOvgVBxqHuwB16hGHADatmrddR377C20lJ":"long","nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn":1,"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx":3,"éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé":2}');
INSERT INTO preferences VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a','{"language":"de","size":2,"theme":"light"}');
INSERT INTO preferences VALUES('01a21605-2b03-7226-9d1e-14261e0fe86a','{}');
CREATE TABLE cart_key (
    user_id    TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    hash       BLOB    NOT NULL,
    request    BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO cart_key VALUES('01a21605-29d1-7619-8779-99102269f8d2',X'a4d51469ef4f239b4bfec6c9b88527a495fec14284afb9731a542977926f03c1',X'952d0e46b5d32fbbd8c49ef9c6dc361643eefb15a198b750ad63a7257abd8ec3',1795665766868);
INSERT INTO cart_key VALUES('01a21605-29d1-7619-8779-99102269f8d2',X'b7fc154ff9a49a7069f46f5f72547817a0a3e5578878afb15798f6027caf28c8',X'978626a27612f8d5c7809159b1e8f15dc3cdf69eec5b650267b430c3fc777af4',1795665766876);
INSERT INTO cart_key VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',X'acaae03ddaab9975d0c4536ee0fb0746e35390fb086dcb9a4ea9db8f4b9564ba',X'c23f2458db9b6bb81721a9b05ccd3a74090a6b18594ebc135b5c278dc0d2c907',1795665767072);
CREATE TABLE erased_session (
    id                TEXT    PRIMARY KEY,
    access_expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    user_id       TEXT    PRIMARY KEY REFERENCES anonymous_user (id) ON DELETE CASCADE,
    -- In lower case. NULL: signed up without one.
    email         TEXT    UNIQUE,
    -- argon2id, with its parameters and salt (a PHC string). NULL: there is no password.
    password_hash TEXT,
    created_at    INTEGER NOT NULL
, unlocked_at INTEGER) STRICT, WITHOUT ROWID;
INSERT INTO account VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a','ada@example.com','$argon2id$v=19$m=19456,t=2,p=1$uEtxpexRptfTpzGmvf3dcA$lyV1/uobiSDhBKqpU4TGcGZL227Fg6dhB9AtSruz5PU',1795665766936,NULL);
CREATE TABLE passkey (
    credential_id BLOB    PRIMARY KEY,
    user_id       TEXT    NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    -- The public key and its counter, as the WebAuthn library writes them. JSON.
    data          TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE linked_identity (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    user_id    TEXT    NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE ceremony (
    id         TEXT    PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES anonymous_user (id) ON DELETE CASCADE,
    state      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE used_id_token (
    hash       BLOB    PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS "login_key" (
    hash       BLOB    PRIMARY KEY,
    -- The session may be gone.
    session_id TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE upgrade_key (
    hash           BLOB    PRIMARY KEY,
    -- The session that sent the request, and the counter of its refresh token then. It has ended.
    asking_session TEXT    NOT NULL,
    asking_counter INTEGER NOT NULL,
    -- HMAC-SHA-256 of the request with the idempotency key, so that this row tells nothing about a password in the request.
    request        BLOB    NOT NULL,
    -- The new session. The key is erased with it.
    session_id     TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    -- 1: the request made the account. 0: it logged in to an account that existed before.
    registered     INTEGER NOT NULL,
    -- 1: a guest was merged into the account.
    merged         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
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
INSERT INTO audit_entry VALUES(1,1795665766936,'registered','client','01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a','01a21605-2a18-768b-8d4d-ec7ee0f6c238',NULL,'127.0.0.1','other','password',NULL);
INSERT INTO audit_entry VALUES(2,1795665767119,'logged_in','client','01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a','01a21605-2acf-737c-8602-157470d69345','01a21605-2a98-7146-b26a-0710be76af69','127.0.0.1','other','password',NULL);
CREATE TABLE heartbeat (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    -- The newest time at which a server with a trusted clock ran. NULL: never, and there are no guests.
    at     INTEGER,
    -- The number of writes, so that each write changes the row.
    writes INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO heartbeat VALUES(1,1795665766853,1);
CREATE TABLE sweep_day (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    began_at INTEGER NOT NULL DEFAULT 0,
    removed  INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sweep_day VALUES(1,0,0);
CREATE TABLE erased_user (
    hash      BLOB    PRIMARY KEY,
    erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE known_network (
    user_id TEXT    NOT NULL REFERENCES account (user_id) ON DELETE CASCADE,
    hash    BLOB    NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO known_network VALUES('01a21605-2a0b-7576-a2e5-4e3c6fb1ce6a',X'5df6f8660482000b1084032ac0dd01c6c3c7ba6998e52c7464c197ccb0524f1e',1795665767163);
CREATE INDEX session_by_user ON session (user_id);
CREATE INDEX session_revoked ON session (access_expires_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX cart_item_by_item ON cart_item (item_id);
CREATE INDEX history_item_by_item ON history_item (item_id);
CREATE INDEX favorite_item_by_item ON favorite_item (item_id);
CREATE INDEX cart_key_by_age ON cart_key (created_at);
CREATE INDEX erased_session_by_expiry ON erased_session (access_expires_at);
CREATE INDEX anonymous_user_merged ON anonymous_user (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX anonymous_user_guest_tokens ON anonymous_user (guest_tokens_until) WHERE guest_tokens_until IS NOT NULL;
CREATE INDEX passkey_by_user ON passkey (user_id);
CREATE INDEX linked_identity_by_user ON linked_identity (user_id);
CREATE INDEX ceremony_by_user ON ceremony (user_id);
CREATE INDEX ceremony_by_age ON ceremony (expires_at);
CREATE INDEX used_id_token_by_age ON used_id_token (expires_at);
CREATE INDEX login_key_by_age ON login_key (created_at);
CREATE INDEX upgrade_key_by_session ON upgrade_key (session_id);
CREATE INDEX upgrade_key_by_age ON upgrade_key (created_at);
CREATE INDEX account_unlocked ON account (unlocked_at) WHERE unlocked_at IS NOT NULL;
CREATE INDEX audit_entry_by_time ON audit_entry (at);
CREATE INDEX audit_entry_by_subject ON audit_entry (subject) WHERE subject IS NOT NULL;
CREATE UNIQUE INDEX audit_entry_attempts
    ON audit_entry (at, event, coalesce(detail, ''), coalesce(subject, ''), coalesce(network, ''))
    WHERE attempts IS NOT NULL;
CREATE INDEX erased_user_by_age ON erased_user (erased_at);
CREATE INDEX known_network_by_age ON known_network (used_at);
COMMIT;
