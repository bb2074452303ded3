//! Where settings come from: a flag wins over the environment, the environment over the file, the file over the default

use std::path::Path;
use std::process::Command;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::support::process::{Process, guestpass, run};

/// What the program says when it does not start.
fn complaint(command: &mut Command) -> String {
    let output = run(command);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(output.stdout.is_empty());
    stderr
}

fn serve_with(file: &Path, content: &str) -> Command {
    std::fs::write(file, content).unwrap();
    let mut command = guestpass();
    command.arg("serve").arg("--config").arg(file);
    command
}

#[test]
fn for_every_kind_of_value_the_flag_wins_over_the_environment_and_that_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    // Values that cannot work show which one is looked at.
    for (flag, variable, in_file, in_environment, on_command_line) in [
        ("listen", "GUESTPASS_LISTEN", "\"file\"", "environment", "flag"),
        ("log", "GUESTPASS_LOG", "\"a=file\"", "a=environment", "a=flag"),
        ("store", "GUESTPASS_STORE", "\"file\"", "environment", "flag"),
        ("access-ttl", "GUESTPASS_ACCESS_TTL", "101", "102", "103"),
        ("algorithm", "GUESTPASS_ALGORITHM", "true", "environment", "flag"),
        (
            "cors-origin",
            "GUESTPASS_CORS_ORIGIN",
            "[\"https://a.example\", \"file\"]",
            "https://a.example,environment",
            "flag",
        ),
        ("static", "GUESTPASS_STATIC", "\"/no/file\"", "/no/environment", "/no/flag"),
    ] {
        let word =
            |value: &str| value.rsplit([',', '[', ' ', '/', '=']).next().unwrap().trim_matches(['"', ']']).to_owned();
        let content = format!("# a comment\n{flag} = {in_file}\n");

        let from_file = complaint(&mut serve_with(&file, &content));
        let from_environment = complaint(serve_with(&file, &content).env(variable, in_environment));
        let from_flag = complaint(
            serve_with(&file, &content).env(variable, in_environment).arg(format!("--{flag}={on_command_line}")),
        );

        let place = format!("(from {}, line 2)", file.display());
        for (said, value, place) in [
            (from_file, word(in_file), place),
            (from_environment, word(in_environment), format!("(from {variable})")),
            (from_flag, word(on_command_line), String::new()),
        ] {
            assert!(said.contains(&format!("--{flag}")) && said.contains(&value), "{flag}, {value}: {said}");
            assert!(said.trim_end().ends_with(&place), "{flag}, {place}: {said}");
            assert_eq!(said.contains("(from"), !place.is_empty(), "{said}");
        }
    }
}

#[tokio::test]
async fn settings_of_all_sources_work_together() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    let mut command = serve_with(
        &file,
        "access-ttl = \"1m\"\naudience = \"file\"\nissuer = \"https://file.example\"\n\
         cors-origin = [\"https://a.example\", \"https://b.example\"]\n",
    );
    command.env("GUESTPASS_ACCESS_TTL", "2m").env("GUESTPASS_AUDIENCE", "environment").args(["--access-ttl", "3m"]);
    let server = Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));

    let login = server.http.post(format!("{}/anonymous-login", server.url)).header("content-type", "application/json");
    let login = login.body("{\"refresh\":true}").send().await.unwrap();
    let preflight = server.http.request(Method::OPTIONS, format!("{}/me", server.url));
    let preflight = preflight.header("origin", "https://b.example").header("access-control-request-method", "GET");
    let preflight = preflight.send().await.unwrap();

    let login: Value = serde_json::from_slice(&login.bytes().await.unwrap()).unwrap();
    assert_eq!(login["expires_in"], 180, "the flag");
    let claims = login["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["aud"], "environment");
    assert_eq!(claims["iss"], "https://file.example");
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://b.example");
}

#[test]
fn what_is_wrong_with_the_file_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    for (content, line, says) in [
        ("issuer = \"https://a.example\"\nacces-ttl = \"1m\"\n", 2, "there is no setting \"acces-ttl\""),
        ("config = \"other.toml\"\n", 1, "there is no setting \"config\""),
        ("access_ttl = \"1m\"\n", 1, "there is no setting \"access_ttl\""),
        ("[tokens]\naccess-ttl = \"1m\"\n", 1, "tokens: expected text, a number, true, false or a list, found table"),
        ("issuer = \n", 1, "line 1"),
        ("audience = [\"a\", \"b\"]\n", 1, "--audience"),
        ("refresh-ttl = \"5m\"\n", 1, "--refresh-ttl: must not be shorter than --access-ttl"),
    ] {
        let said = complaint(&mut serve_with(&file, content));

        assert!(said.contains(&format!("{}, line {line}", file.display())), "{content}: {said}");
        assert!(said.contains(says), "{content}: {said}");
    }

    let said = complaint(guestpass().arg("serve").env("GUESTPASS_CONFIG", "/no/such/file.toml"));
    assert!(said.contains("--config /no/such/file.toml"), "{said}");
}
