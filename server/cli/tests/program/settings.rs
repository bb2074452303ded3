//! Sources of settings: a flag overrides the environment, the environment the file, the file the default

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use axum::http::Method;
use serde_json::Value;

use crate::support::jwt::claims_of;
use crate::support::process::{Process, guestpass, run};

/// The line of standard error of a program that does not start.
fn error_line(command: &mut Command) -> String {
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
fn for_each_kind_of_value_a_flag_overrides_the_environment_and_that_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    // The values cannot work, so that the error shows which of them is used.
    for (flag, variable, in_file, in_environment, on_command_line) in [
        ("listen", "GUESTPASS_LISTEN", "\"file\"", "environment", "flag"),
        ("log", "GUESTPASS_LOG", "\"a=file\"", "a=environment", "a=flag"),
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

        let from_file = error_line(&mut serve_with(&file, &content));
        let from_environment = error_line(serve_with(&file, &content).env(variable, in_environment));
        let from_flag = error_line(
            serve_with(&file, &content).env(variable, in_environment).arg(format!("--{flag}={on_command_line}")),
        );

        let source = format!("(from {}, line 2)", file.display());
        for (error, value, source) in [
            (from_file, word(in_file), source),
            (from_environment, word(in_environment), format!("(from {variable})")),
            (from_flag, word(on_command_line), String::new()),
        ] {
            assert!(error.contains(&format!("--{flag}")) && error.contains(&value), "{flag}, {value}: {error}");
            assert!(error.trim_end().ends_with(&source), "{flag}, {source}: {error}");
            assert_eq!(error.contains("(from"), !source.is_empty(), "{error}");
        }
    }
}

/// Checks that the error about a value does not repeat it, and names the flag and the source, for each source.
fn assert_not_repeated(command: &str, flag: &str, value: &str, secret: &str, expected: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    std::fs::write(&file, format!("# a comment\n{flag} = {value:?}\n")).unwrap();
    let variable = format!("GUESTPASS_{}", flag.to_ascii_uppercase().replace('-', "_"));
    let started = || {
        let mut started = guestpass();
        started.args(command.split(' '));
        started
    };

    let from_file = error_line(started().arg("--config").arg(&file));
    let from_environment = error_line(started().env(&variable, value));
    let from_flag = error_line(started().arg(format!("--{flag}={value}")));
    let from_two_words = error_line(started().arg(format!("--{flag}")).arg(value));

    for (error, source) in [
        (from_file, format!(" (from {}, line 2)", file.display())),
        (from_environment, format!(" (from {variable})")),
        (from_flag, String::new()),
        (from_two_words, String::new()),
    ] {
        assert!(!error.contains(secret), "{command}: {error}");
        assert!(error.contains(&format!("--{flag}")) && error.contains(expected), "{command}: {error}");
        assert!(error.trim_end().ends_with(&source), "{command}, {source}: {error}");
    }
}

#[test]
fn a_secret_that_cannot_be_used_is_not_repeated() {
    let slash_missing = "postgres:/app:S3cretPw@db/shop";
    for command in ["serve", "sweep", "keys list", "keys rotate"] {
        assert_not_repeated(command, "store", slash_missing, "S3cretPw", "postgres://USER:PASSWORD@HOST/DATABASE");
    }
    for url in ["app:S3cretPw@db/shop", "sqlite:", "S3cretPw\nand more"] {
        assert_not_repeated("serve", "store", url, "S3cretPw", "sqlite:PATH");
    }
    // For the driver, the text after the first @ in these passwords is a host and an option.
    for url in ["postgres://app:12@S3cretPw@db/shop", "postgres://app:12@x?S3cretPw=1@db/shop"] {
        assert_not_repeated("serve", "store", url, "S3cretPw", "postgres://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    for secret in ["hunter2short", "hunter2 with spaces, which no header of HTTP can have", "hunter2\nshort"] {
        assert_not_repeated("serve", "introspection-secret", secret, "hunter2", "expected 32 or more");
    }
    assert_not_repeated("serve", "captcha-secret", "hunter2 x", "hunter2", "as the CAPTCHA service shows them");
    assert_not_repeated("serve", "otlp-endpoint", "collector:hunter2@otlp", "hunter2", "http://localhost:4318");
}

#[test]
fn a_secret_in_a_line_that_is_not_toml_is_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    for line in ["introspection-secret = hunter2short", "introspection-secret = \"hunter2short", "hunter2short"] {
        let error = error_line(&mut serve_with(&file, line));

        assert!(error.contains("line 1") && !error.contains("hunter2"), "{line}: {error}");
    }
}

#[test]
fn a_secret_after_a_misspelt_flag_is_not_repeated() {
    let error = error_line(guestpass().args(["serve", "--introspection-secert=hunter2"]));

    assert!(error.contains("--introspection-secert") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_file_with_a_secret_that_every_user_can_read_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    let database = format!("sqlite:{}", directory.path().join("guestpass.db").display());
    drop(Process::spawn_serve(guestpass().arg("serve"), &directory.path().join("guestpass.db")));
    let secret = "introspection-secret = \"0123456789abcdef0123456789abcdef\"\n";
    for (content, mode, warns) in [
        (secret, 0o644, true),
        (secret, 0o604, true),
        // The file of root, which the group of the server can read.
        (secret, 0o640, false),
        (secret, 0o600, false),
        ("store = \"postgres://app:secret@db/shop\"\n", 0o644, true),
        ("store = \"sqlite:other.db\"\nissuer = \"https://api.shop.example\"\n", 0o644, false),
    ] {
        std::fs::write(&file, content).unwrap();
        set_permissions(&file, Permissions::from_mode(mode)).unwrap();

        let output = run(guestpass().args(["keys", "list", "--store", &database, "--config"]).arg(&file));

        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        assert_eq!(
            stderr.contains(&format!("run: chmod o-rwx {}", file.display())),
            warns,
            "{content} {mode:o}: {stderr}"
        );
        assert!(!stderr.contains("0123") && !stderr.contains("app:"), "{stderr}");
    }
}

/// The log of a server can be JSON.
#[test]
fn a_server_writes_the_warning_about_its_file_into_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    let log = directory.path().join("log");
    let mut command = serve_with(&file, "introspection-secret = \"0123456789abcdef0123456789abcdef\"\n");
    set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    command.args(["--log-format", "json"]).stderr(std::fs::File::create(&log).unwrap());

    Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));

    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["level"] == "WARN" && line.to_string().contains("chmod o-rwx")), "{log}");
}

#[tokio::test]
async fn settings_of_all_sources_are_combined() {
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
    let claims = claims_of(login["access_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "environment");
    assert_eq!(claims["iss"], "https://file.example");
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://b.example");
}

#[tokio::test]
async fn a_flag_without_a_value_is_true_or_false_in_the_file_and_in_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let (file, database) = (directory.path().join("guestpass.toml"), directory.path().join("guestpass.db"));
    for (content, variable, has_docs) in [
        ("no-docs = true\n", None, false),
        ("no-docs = false\n", None, true),
        ("no-docs = true\n", Some("false"), true),
        ("no-docs = true\n", Some(""), true),
        ("no-docs = false\n", Some("1"), false),
        ("", Some("Yes"), false),
        ("", Some("0"), true),
    ] {
        let mut command = serve_with(&file, &format!("require-refresh = true\nyes = true\n{content}"));
        command.envs(variable.map(|value| ("GUESTPASS_NO_DOCS", value))).stderr(std::process::Stdio::null());

        let server = Process::spawn_serve(&mut command, &database);
        let docs = server.http.get(format!("{}/docs/", server.url)).send().await.unwrap();
        let login = server.http.post(format!("{}/anonymous-login", server.url)).send().await.unwrap();

        assert_eq!(docs.status() == 200, has_docs, "{content:?} {variable:?}");
        assert!(login.status().is_client_error(), "the server must require a session with refresh tokens");
        server.kill();
    }

    let error = error_line(serve_with(&file, "").env("GUESTPASS_NO_DOCS", "maybe"));
    assert!(error.contains("--no-docs") && error.contains("expected true, 1 or yes"), "{error}");
    assert!(error.trim_end().ends_with("(from GUESTPASS_NO_DOCS)"), "{error}");

    let arguments = ["restore", "--end-sessions-before", "2026-11-25T18:00:00Z", "/no/such/file"];
    for (end_all_sessions, is_conflict) in [("true", true), ("false", false)] {
        let output = run(guestpass().args(arguments).env("GUESTPASS_END_ALL_SESSIONS", end_all_sessions));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains("both given") == is_conflict, "{stderr}");
    }
}

#[test]
fn errors_of_the_file_name_the_file_and_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    for (content, line, expected) in [
        ("issuer = \"https://a.example\"\nacces-ttl = \"1m\"\n", 2, "there is no setting \"acces-ttl\""),
        ("config = \"other.toml\"\n", 1, "there is no setting \"config\""),
        ("access_ttl = \"1m\"\n", 1, "there is no setting \"access_ttl\""),
        ("[tokens]\naccess-ttl = \"1m\"\n", 1, "tokens: expected text, a number, true, false or a list, found table"),
        ("issuer = \n", 1, "line 1"),
        ("\nno-docs = 1\n", 2, "no-docs: expected true or false"),
        ("no-docs = [true, false]\n", 1, "no-docs: expected true or false"),
        ("require-refresh = \"yes\"\n", 1, "require-refresh: expected true or false"),
        ("audience = [\"a\", \"b\"]\n", 1, "--audience"),
        ("refresh-ttl = \"5m\"\n", 1, "--refresh-ttl: must not be shorter than --access-ttl"),
        ("audience = \"http://localhost:8000\"\n", 1, "--audience: must differ from --issuer"),
    ] {
        let error = error_line(&mut serve_with(&file, content));

        assert!(error.contains(&format!("{}, line {line}", file.display())), "{content}: {error}");
        assert!(error.contains(expected), "{content}: {error}");
    }

    let error = error_line(guestpass().arg("serve").env("GUESTPASS_CONFIG", "/no/such/file.toml"));
    assert!(error.contains("--config /no/such/file.toml"), "{error}");
}

#[test]
fn the_program_has_no_setting_that_injects_faults() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");

    let error = error_line(&mut serve_with(&file, "demo = true\n"));
    assert!(error.contains("there is no setting \"demo\""), "{error}");
    let error = error_line(guestpass().args(["serve", "--demo"]));
    assert!(error.contains("--demo"), "{error}");
}

#[test]
fn a_misspelt_variable_is_a_warning() {
    let warned = |name: &str| {
        let output = run(guestpass().args(["keys", "new-encryption-key"]).env(name, "1m"));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };

    for (name, meant) in [
        ("GUESTPASS_ACCES_TTL", "GUESTPASS_ACCESS_TTL"),
        ("GUESTPASS_CORS_ORIGINS", "GUESTPASS_CORS_ORIGIN"),
        ("GUESTPASS_STROE_FILE", "GUESTPASS_STORE_FILE"),
    ] {
        let warning = format!("guestpass: warning: {name} is no setting and is ignored: is it {meant}?\n");
        assert_eq!(warned(name), warning);
    }
    // Kubernetes sets these for a service with the name `guestpass`.
    for name in ["GUESTPASS_PORT", "GUESTPASS_SERVICE_HOST", "GUESTPASS_PORT_8000_TCP"] {
        assert_eq!(warned(name), "");
    }
}
