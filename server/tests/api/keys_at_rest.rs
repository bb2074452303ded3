//! Keys that are encrypted in the store: what a copy of the database is worth, and the change of the key-encryption key

use std::process::Command;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use guestpass_server::{
    Algorithm, Config, Guestpass, KeyAdmin, KeyEncryptionError, KeyEncryptionKey, KeyScope, RotationError, StoreError,
};

use crate::support::database::Database;
use crate::support::wait::until;
use crate::support::{Server, claims_of, get};

fn kek(byte: u8) -> KeyEncryptionKey {
    STANDARD.encode([byte; 32]).parse().unwrap()
}

async fn admin(server: &Server, keys: &[KeyEncryptionKey]) -> KeyAdmin {
    KeyAdmin::open_at(server.location(), server.clock.clone()).await.unwrap().with_key_encryption(keys)
}

/// The keys as they are stored: those of access tokens and those of refresh tokens.
fn stored(server: &Server) -> [Vec<u8>; 2] {
    ["signing_key", "refresh_key"]
        .map(|table| server.database().bytes(&format!("SELECT material FROM {table} ORDER BY created_at DESC LIMIT 1")))
}

fn is_encrypted_by(server: &Server, key: &KeyEncryptionKey) -> bool {
    let id: Vec<u8> = key.id().to_string().into_bytes();
    stored(server).iter().all(|material| {
        let hex: String = material[9..17].iter().map(|byte| format!("{byte:02x}")).collect();
        material.starts_with(b"gp-keyen\x01") && hex.as_bytes() == id
    })
}

/// Everything that a copy of the database contains: the bytes of each SQLite file, or the output of pg_dump and the files of
/// both tables.
fn copy_of(database: &Database) -> Vec<u8> {
    match database {
        Database::Sqlite(directory) => {
            let files = std::fs::read_dir(directory.path()).unwrap();
            files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
        }
        Database::Postgres(_) => {
            let dump = Command::new("pg_dump").arg(format!("--dbname={}", database.store())).output().unwrap();
            assert!(dump.status.success(), "{dump:?}");
            database.execute("CHECKPOINT");
            let file = |table| database.bytes(&format!("SELECT pg_read_binary_file(pg_relation_filepath('{table}'))"));
            [dump.stdout, file("signing_key"), file("refresh_key")].concat()
        }
    }
}

/// Whether the copy contains these bytes, or their hexadecimal digits, as pg_dump writes them.
fn contains(copy: &[u8], bytes: &[u8]) -> bool {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [bytes, hex.as_bytes()].iter().any(|text| copy.windows(text.len()).any(|window| window == *text))
}

/// Whether tokens that are signed with the keys in the database are accepted: an access token (HS256), and the refresh token of a
/// session.
async fn forged_tokens_are_accepted(server: &Server) -> [bool; 2] {
    let tokens = server.anonymous_login().await;
    let [signing, refresh] = stored(server);
    let sign = |key: &[u8], message: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);

    let claims = claims_of(&tokens.access);
    let header = tokens.access.split('.').next().unwrap();
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let access = format!("{message}.{}", URL_SAFE_NO_PAD.encode(sign(&signing, message.as_bytes())));

    let session = uuid::Uuid::try_parse(claims["sid"].as_str().unwrap()).unwrap();
    let message = [session.as_bytes().as_slice(), &[0; 8]].concat();
    let token = [&[1], message.as_slice(), sign(&refresh, &message).as_ref()].concat();
    let refresh = format!("gpr_{}", URL_SAFE_NO_PAD.encode(token));

    [server.accepts(&access).await, server.refresh(&refresh).await.status == 200]
}

#[tokio::test]
async fn a_copy_of_the_database_signs_nothing_if_the_keys_are_encrypted() {
    let plain = Server::open_with(|config| config.algorithm = Algorithm::Hs256).await;
    assert_eq!(forged_tokens_are_accepted(&plain).await, [true; 2], "the attack works on plain keys");

    let encrypted = Server::open_with(|config| {
        config.algorithm = Algorithm::Hs256;
        config.key_encryption_keys = vec![kek(1)];
    })
    .await;

    assert_eq!(forged_tokens_are_accepted(&encrypted).await, [false; 2]);
    assert!(is_encrypted_by(&encrypted, &kek(1)));
    // Keys that a rotation makes, by a process with the same key-encryption key.
    let admin = admin(&encrypted, &[kek(1)]).await;
    admin.rotate(guestpass_server::ROTATION_NOTICE_MIN).await.unwrap();
    assert!(admin.list().await.unwrap().iter().all(|key| key.encrypted_by == Some(kek(1).id())));
    assert!(is_encrypted_by(&encrypted, &kek(1)));
    admin.close().await;
}

#[tokio::test]
async fn plain_keys_are_encrypted_under_a_running_server_and_no_copy_of_them_remains() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let plain = stored(&server);
    let server = server.restart_with(|config| config.key_encryption_keys = vec![kek(1)]).await;
    assert!(server.accepts(&tokens.access).await, "a server with a key-encryption key reads plain keys");
    assert!(
        plain.iter().all(|key| contains(&copy_of(server.database()), key)),
        "the search finds keys that are present"
    );
    let admin = admin(&server, &[kek(1)]).await;

    let keys = admin.encrypt().await.unwrap();

    assert!(keys.iter().all(|key| key.encrypted_by == Some(kek(1).id())));
    let copy = copy_of(server.database());
    for key in &plain {
        assert!(!contains(&copy, key), "the plain key is still there");
        // The private part of PKCS#8 is at the end, and no part of it remains either.
        for part in key.windows(16).skip(16) {
            assert!(!contains(&copy, part), "a part of the plain key is still there");
        }
    }
    assert!(server.accepts(&tokens.access).await);
    let refreshed = server.refresh(&tokens.refresh).await.tokens();
    let server = server.restart().await;
    assert!(server.accepts(&refreshed.access).await);
    assert_eq!(server.refresh(&refreshed.refresh).await.status, 200);
    admin.close().await;
}

#[tokio::test]
async fn the_key_encryption_key_is_replaced_while_servers_run() {
    let server = Server::open_with(|config| config.key_encryption_keys = vec![kek(1)]).await;
    let tokens = server.anonymous_login().await;
    // First each node gets the new key, and still encrypts with the old one.
    let server = server.restart_with(|config| config.key_encryption_keys = vec![kek(1), kek(2)]).await;
    let admin = admin(&server, &[kek(2), kek(1)]).await;

    admin.encrypt().await.unwrap();

    assert!(is_encrypted_by(&server, &kek(2)));
    assert!(server.accepts(&tokens.access).await);
    // The running node reads keys that are encrypted with the new key only.
    let rotated = admin.rotate(guestpass_server::ROTATION_NOTICE_MIN).await.unwrap();
    let published = async || server.send(get("/.well-known/jwks.json")).await.json()["keys"].as_array().unwrap().len();
    until("the running node publishes the new key", async || published().await == 2).await;
    assert_eq!(rotated.iter().filter(|key| key.encrypted_by == Some(kek(2).id())).count(), 4);

    let server = server.restart_with(|config| config.key_encryption_keys = vec![kek(2)]).await;
    assert!(server.accepts(&tokens.access).await);
    admin.decrypt().await.unwrap();
    assert!(server.accepts(&tokens.access).await);
    let server = server.restart_with(|config| config.key_encryption_keys = Vec::new()).await;
    assert!(server.accepts(&tokens.access).await);
    assert_eq!(server.refresh(&tokens.refresh).await.status, 200);
    admin.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_can_be_read_at_any_time_while_the_keys_are_encrypted_again() {
    let server = Server::open_with(|config| config.key_encryption_keys = vec![kek(1), kek(2)]).await;
    let tokens = server.anonymous_login().await;
    let mut tasks = Vec::new();
    for order in [[kek(1), kek(2)], [kek(2), kek(1)], [kek(1), kek(2)]] {
        let admin = admin(&server, &order).await;
        tasks.push(tokio::spawn(async move {
            for _ in 0..5 {
                // Each reads all keys, whichever of the two encrypts them at that moment.
                admin.encrypt().await.unwrap();
            }
            admin.close().await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }

    assert!(is_encrypted_by(&server, &kek(1)) || is_encrypted_by(&server, &kek(2)));
    let server = server.restart().await;
    assert!(server.accepts(&tokens.access).await);
    assert_eq!(server.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_server_without_the_key_encryption_key_does_not_start_and_changes_nothing() {
    let server = Server::open_with(|config| config.key_encryption_keys = vec![kek(1)]).await;
    server.close().await;
    let before = stored(&server);

    for (keys, algorithm, expected) in [
        (vec![], Algorithm::EdDsa, "--key-encryption-key-file"),
        (vec![kek(2)], Algorithm::EdDsa, &*format!("and the key given is {}", kek(2).id())),
        // Another algorithm needs a new key, which would be plain.
        (vec![], Algorithm::Es256, "--key-encryption-key-file"),
        (vec![kek(2)], Algorithm::Es256, "and the key given is"),
    ] {
        let config =
            Config { store: server.location().clone(), key_encryption_keys: keys, algorithm, ..Config::default() };
        let error = Guestpass::open_at(config, server.clock.clone()).await.unwrap_err().to_string();
        assert!(error.contains(&kek(1).id().to_string()) && error.contains(expected), "{error}");
    }

    assert_eq!(stored(&server), before);
    assert_eq!(server.number("SELECT count(*) FROM signing_key"), 1);
}

#[tokio::test]
async fn changes_of_encrypted_keys_need_the_key_encryption_key() {
    let server = Server::open_with(|config| config.key_encryption_keys = vec![kek(1)]).await;
    let before = stored(&server);
    for keys in [vec![], vec![kek(2)]] {
        let admin = admin(&server, &keys).await;
        for result in [
            admin.rotate(guestpass_server::ROTATION_NOTICE_MIN).await,
            admin.replace(KeyScope::AccessTokens).await,
            admin.encrypt().await,
            admin.decrypt().await,
        ] {
            let error = result.unwrap_err();
            assert!(matches!(error, RotationError::Store(StoreError::Keys(_))), "{error}");
        }
        admin.close().await;
    }
    assert_eq!(stored(&server), before);

    // Without the key-encryption key, the keys are lost; all of them can be replaced.
    let admin = admin(&server, &[kek(2)]).await;
    admin.replace(KeyScope::AllTokens).await.unwrap();
    assert!(is_encrypted_by(&server, &kek(2)));
    let server = server.restart_with(|config| config.key_encryption_keys = vec![kek(2)]).await;
    assert!(server.accepts(&server.anonymous_login().await.access).await);
    admin.close().await;
}

#[tokio::test]
async fn an_encryption_without_a_key_encryption_key_is_an_error() {
    let server = Server::open().await;
    let admin = admin(&server, &[]).await;

    let error = admin.encrypt().await.unwrap_err();

    assert!(matches!(error, RotationError::Store(StoreError::Keys(KeyEncryptionError::NoneGiven))), "{error}");
    admin.close().await;
}

#[tokio::test]
async fn a_key_in_the_row_of_another_key_is_refused() {
    let server = Server::open_with(|config| config.key_encryption_keys = vec![kek(1)]).await;
    admin(&server, &[kek(1)]).await.rotate(guestpass_server::ROTATION_NOTICE_MIN).await.unwrap();
    server.close().await;
    server.database().execute(
        "UPDATE refresh_key SET material = (SELECT material FROM refresh_key AS other WHERE other.version = 1)
         WHERE version = 2",
    );

    let config = Config { store: server.location().clone(), key_encryption_keys: vec![kek(1)], ..Config::default() };
    let error = Guestpass::open_at(config, server.clock.clone()).await.unwrap_err().to_string();

    assert!(error.contains("key 2 of refresh tokens is damaged"), "{error}");
}
