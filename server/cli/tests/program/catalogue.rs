//! `--catalogue`: read at the start and on SIGHUP; a wrong file is named, and does not replace the items of before

use std::fs::{File, read_to_string, write};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::guest::Guest;
use crate::support::process::{Process, guestpass, run};
use crate::support::wait;

fn catalogue(name: &str, ids: &[&str]) -> String {
    let items: Vec<_> = ids.iter().map(|id| json!({ "id": id, "name": format!("Thing {id}"), "price": 1.5 })).collect();
    json!({ "name": name, "items": items }).to_string()
}

async fn public_data(server: &Process) -> Value {
    let response = server.http.get(format!("{}/public-data", server.url)).send().await.unwrap();
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// The ids of `GET /items/`.
async fn ids(server: &Process, guest: &Guest) -> Vec<String> {
    let response = server.http.get(format!("{}/items/", server.url)).bearer_auth(&guest.access).send().await.unwrap();
    let items: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    items["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn logged(log: &Path, line: &str) {
    wait::until(line, async || read_to_string(log).unwrap().contains(line)).await;
}

#[tokio::test]
async fn on_sighup_the_catalogue_is_read_again_and_a_wrong_file_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (file, log) = (directory.path().join("items.json"), directory.path().join("log"));
    write(&file, catalogue("shop", &["a", "b"])).unwrap();
    let mut command = guestpass();
    command.arg("serve").arg("--catalogue").arg(&file).stderr(File::create(&log).unwrap());
    let server = Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));
    let guest = Guest::log_in(&server).await;
    assert_eq!(ids(&server, &guest).await, ["a", "b"]);

    write(&file, catalogue("new shop", &["b", "c", "../d"])).unwrap();
    assert_eq!(ids(&server, &guest).await, ["a", "b"], "not before the signal");
    server.hang_up();
    logged(&log, "items.json: read again; items: 3").await;
    assert_eq!(ids(&server, &guest).await, ["b", "c", "../d"]);
    assert_eq!(
        (&public_data(&server).await["name"], &public_data(&server).await["items"]),
        (&json!("new shop"), &json!(3))
    );

    let deep = format!("{{\"name\": \"shop\",\n\"items\": {}", "[".repeat(1_000_000));
    for (content, says) in [
        (catalogue("shop", &["a", "b", "a"]), "items[2] (id \"a\"), member \"id\": is also the id of items[0]"),
        ("{\"name\": \"shop\",\n\"items\": [{]}".to_owned(), "key must be a string at line 2 column 12"),
        (deep, "recursion limit exceeded at line 2 column"),
        (catalogue(&"x".repeat(4 * 1024 * 1024), &[]), "the file is larger than 4 MiB"),
        (catalogue("shop", &["a\u{7}"]), "a key must not have control characters"),
    ] {
        write(&file, content).unwrap();
        server.hang_up();
        logged(&log, says).await;
    }
    std::fs::remove_file(&file).unwrap();
    server.hang_up();
    logged(&log, "the file cannot be read: ").await;
    let written = read_to_string(&log).unwrap();
    let errors: Vec<_> = written.lines().filter(|line| line.contains("the catalogue of before is used")).collect();
    assert_eq!(errors.len(), 6, "{written}");
    assert!(errors.iter().all(|line| line.contains("ERROR") && line.contains("--catalogue")), "{written}");
    assert_eq!(ids(&server, &guest).await, ["b", "c", "../d"]);

    write(&file, catalogue("shop", &["__proto__"])).unwrap();
    server.hang_up();
    logged(&log, "read again; items: 1").await;
    assert_eq!(ids(&server, &guest).await, ["__proto__"]);
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
}

/// The line of standard error of a server that does not start.
fn error_line(command: &mut Command) -> String {
    let output = run(command);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    stderr
}

#[test]
fn with_a_wrong_catalogue_the_server_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let (file, settings) = (directory.path().join("items.json"), directory.path().join("guestpass.toml"));
    let database = directory.path().join("guestpass.db");
    let serve = || {
        let mut command = guestpass();
        command.args(["serve", "--listen", "127.0.0.1:0", "--store"]).arg(format!("sqlite:{}", database.display()));
        command
    };
    for (content, says) in [
        ("{\"name\": \"shop\",\n\"items\": [{\"id\": 1}]}", "items[0] (id 1), member \"name\": is missing"),
        ("{\"name\": \"shop\"\n\"items\": []}", "expected `,` or `}` at line 2 column 1"),
        ("{\"name\": \"shop\",\n\"it\\nems\": []}", "unknown field `it ems`"),
        (
            "{\"name\": \"shop\", \"collections\": {\"viewed\": \"seen\"}, \"items\": []}",
            "collections.viewed: the collection \"seen\" is not declared",
        ),
    ] {
        write(&file, content).unwrap();
        write(&settings, format!("# settings\ncatalogue = {:?}\n", file.to_str().unwrap())).unwrap();

        let from_flag = error_line(serve().arg("--catalogue").arg(&file));
        let from_environment = error_line(serve().env("GUESTPASS_CATALOGUE", &file));
        let from_file = error_line(serve().arg("--config").arg(&settings));

        let starts = format!("guestpass: --catalogue: {}: ", file.display());
        for (line, source) in [
            (from_flag, String::new()),
            (from_environment, " (from GUESTPASS_CATALOGUE)".to_owned()),
            (from_file, format!(" (from {}, line 2)", settings.display())),
        ] {
            assert!(line.starts_with(&starts) && line.contains(says), "{line}");
            assert_eq!(line.contains(" (from "), !source.is_empty(), "{line}");
            assert!(line.trim_end().ends_with(&source), "{line}");
        }
    }
    std::fs::remove_file(&file).unwrap();
    assert!(error_line(serve().arg("--catalogue").arg(&file)).contains("cannot be read: No such file"));
    assert!(error_line(serve().args(["--catalogue", "/dev/zero"])).contains("not a regular file"));
    assert!(!database.exists(), "the catalogue is checked before the database is made");

    // A command that serves no items does not read it.
    Process::start(&database).kill();
    let mut sweep = guestpass();
    sweep.args(["sweep", "--catalogue"]).arg(&file).arg("--store").arg(format!("sqlite:{}", database.display()));
    assert_eq!(run(&mut sweep).status.code(), Some(0));
}

#[tokio::test]
async fn without_a_catalogue_the_items_are_the_sample_and_sighup_ends_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(&directory.path().join("guestpass.db"));
    assert_eq!(public_data(&server).await["items"], 12);

    server.hang_up();

    assert_eq!(server.wait().0, None, "ended by the signal");
}
