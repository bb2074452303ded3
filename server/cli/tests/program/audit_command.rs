//! `guestpass audit`, beside a running server

use serde_json::Value;

use crate::support::database::Database;
use crate::support::process::{Process, guestpass, run};

/// What `guestpass audit ARGUMENTS` prints.
fn audit(database: &Database, arguments: &[&str]) -> String {
    let output = run(guestpass().arg("audit").args(arguments).env("GUESTPASS_STORE", database.store()));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_program_prints_the_trail_of_a_running_server_for_people_and_for_programs() {
    let database = Database::new();
    let server = Process::start_on(&database.store());
    let mut subjects = Vec::new();
    for _ in 0..2 {
        let request = server.http.post(format!("{}/anonymous-login", server.url));
        let tokens: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        subjects.push(tokens["anonymous_id"].as_str().unwrap().to_owned());
        let request = server.http.post(format!("{}/revoke", server.url)).header("user-agent", "curl/8.14.1");
        let form = format!("token={}", tokens["access_token"].as_str().unwrap());
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let store = database.store();
    assert!(
        run(guestpass().args(["keys", "rotate", "--store", &store]).env("USER", "grace").env_remove("SUDO_USER"))
            .status
            .success()
    );

    // As in a container, whose environment has no name of a user account.
    let mut replace = guestpass();
    replace.args(["keys", "rotate", "--leaked", "access", "--store", &store]);
    assert!(run(replace.env_remove("SUDO_USER").env_remove("USER").env_remove("LOGNAME")).status.success());
    let account = run(std::process::Command::new("id").arg("-un")).stdout;
    let account = String::from_utf8(account).unwrap().trim().to_owned();

    let entries = json_lines(&audit(&database, &["--json"]));
    let told: Vec<_> = entries.iter().map(|entry| (&entry["event"], &entry["actor"], &entry["label"])).collect();
    let (ended, rotated) = (Value::from("session_ended"), Value::from("keys_rotated"));
    let (client, operator) = (Value::from("client"), Value::from("operator"));
    let (replaced, named) = (Value::from("keys_replaced"), Value::from(account.as_str()));
    let (curl, grace) = (Value::from("curl"), Value::from("grace"));
    assert_eq!(
        told,
        [
            (&ended, &client, &curl),
            (&ended, &client, &curl),
            (&rotated, &operator, &grace),
            (&replaced, &operator, &named)
        ]
    );
    assert_eq!(entries[0]["network"], "127.0.0.1");
    assert_eq!(entries[0]["detail"], "signed_out");

    let table = audit(&database, &["--event", "keys_replaced"]);
    assert!(table.contains("operator") && table.contains(&account), "{table}");
    let table = audit(&database, &["--subject", &subjects[1], "--since", "1h", "--event", "session_ended"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[0].starts_with("TIME") && lines[1].contains(&subjects[1]["anonymous_".len()..]), "{table}");
    for (filter, count) in [
        (&["--limit", "1"][..], 1),
        (&["--network", "127.0.0.1"], 2),
        (&["--network", "192.0.2.1"], 0),
        (&["--until", "2020-01-01T00:00:00Z"], 0),
        (&["--session", entries[0]["session"].as_str().unwrap()], 1),
    ] {
        assert_eq!(json_lines(&audit(&database, &[&["--json"], filter].concat())).len(), count, "{filter:?}");
    }
}

#[test]
fn a_wrong_filter_gets_one_line_that_says_what_is_expected() {
    for (filter, expected) in [
        (["--event", "logout"], "logged_in"),
        (["--since", "yesterday"], "2027-01-15T08:00:00Z"),
        (["--subject", "ada"], "e-mail address"),
        (["--network", "home"], "203.0.113.7"),
        (["--network", "127.0.0.0/8"], "entries are not searched by other networks"),
        (["--session", "nosuch"], "`guestpass users show` prints"),
    ] {
        let output = run(guestpass().arg("audit").args(filter));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}
