//! `guestpass keys`

use serde_json::Value;

use crate::support::jwt::header_of;
use crate::support::process::{Process, guestpass, run};
use crate::support::wait::until;

/// The ids of the published keys.
async fn published(server: &Process) -> Vec<String> {
    let response = server.http.get(format!("{}/.well-known/jwks.json", server.url)).send().await.unwrap();
    let jwks: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_program_rotates_the_keys_of_a_running_server() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let server = Process::start(&database);
    let kid_of_login = async || {
        let response = server.http.post(format!("{}/anonymous-login", server.url)).send().await.unwrap();
        let response: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        header_of(response["access_token"].as_str().unwrap())["kid"].as_str().unwrap().to_owned()
    };
    let before = kid_of_login().await;

    let store = format!("sqlite:{}", database.display());
    let rotated = run(guestpass().args(["keys", "rotate", "--notice", "5s", "--store", &store]));
    let listed = run(guestpass().args(["keys", "list", "--store", &store]));

    assert!(rotated.status.success() && listed.status.success(), "{rotated:?} {listed:?}");
    let table = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(table, String::from_utf8(rotated.stdout).unwrap());
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split("  ").map(str::trim).collect()).collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert!(table.contains("signing") && table.contains("next") && table.contains("EdDSA"), "{table}");
    let new = rows[1][0].to_owned();
    until("the new key is published", async || published(&server).await == [before.clone(), new.clone()]).await;
    until("the new key signs", async || kid_of_login().await == new).await;
}

#[tokio::test]
async fn the_keys_of_a_stopped_server_can_be_rotated() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let store = format!("sqlite:{}", database.display());
    Process::start(&database).kill();

    let rotated = run(guestpass().args(["keys", "rotate", "--store", &store]));

    assert!(rotated.status.success(), "{rotated:?}");
    assert_eq!(published(&Process::start(&database)).await.len(), 2);
}

#[test]
fn keys_need_a_store_of_this_version() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let store = format!("sqlite:{}", database.display());

    for prepared in [false, true] {
        if prepared {
            // A database without the tables of a server.
            rusqlite::Connection::open(&database).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        }
        for command in ["list", "rotate"] {
            let output = run(guestpass().args(["keys", command, "--store", &store]));
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
            assert!(stderr.contains("--store"), "{stderr}");
        }
        assert!(prepared || !database.exists(), "the command has created a file");
    }
    let output = run(guestpass().args(["keys", "rotate", "--notice", "1s", "--store", &store]));
    assert_eq!(output.status.code(), Some(2));
}

/// A new key-encryption key.
fn new_encryption_key() -> String {
    let output = run(guestpass().args(["keys", "new-encryption-key"]));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_program_encrypts_the_keys_of_a_running_server_and_replaces_the_key_encryption_key() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let store = format!("sqlite:{}", database.display());
    let (old, new) = (new_encryption_key(), new_encryption_key());
    let serve = |keys: &str| {
        let mut command = guestpass();
        command.arg("serve").env("GUESTPASS_KEY_ENCRYPTION_KEY", keys).stderr(std::process::Stdio::null());
        Process::spawn_serve(&mut command, &database)
    };
    let keys = |command: &str, keys: &str| {
        let output =
            run(guestpass().args(["keys", command, "--store", &store]).env("GUESTPASS_KEY_ENCRYPTION_KEY", keys));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let kids = published(&Process::start(&database)).await;
    assert_eq!(keys("list", &old).matches("plain text").count(), 2);

    let server = serve(&old);
    let table = keys("encrypt", &old);
    assert_eq!(table.matches("encrypted by").count(), 2, "{table}");
    let listed = run(guestpass().args(["keys", "list", "--store", &store]));
    assert_eq!(table, String::from_utf8(listed.stdout).unwrap(), "the list needs no key-encryption key");
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
    let server = serve(&format!("{old} {new}"));
    assert_ne!(keys("encrypt", &format!("{new} {old}")), table);
    server.terminate();
    assert_eq!(server.wait().0, Some(0));

    assert_eq!(published(&serve(&new)).await, kids);
    for (given, expected) in [(None, "--key-encryption-key-file"), (Some(&old), "and the key given is")] {
        for command in ["serve", "keys rotate", "keys decrypt"] {
            let mut started = guestpass();
            started.args(command.split(' ')).args(["--store", &store]);
            let output = run(started.envs(given.map(|key| ("GUESTPASS_KEY_ENCRYPTION_KEY", key))));
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
            assert!(stderr.contains("the keys in the store") && stderr.contains(expected), "{stderr}");
        }
    }
    assert_eq!(keys("decrypt", &new).matches("plain text").count(), 2);
    assert_eq!(published(&Process::start(&database)).await, kids);
}
