//! The command line: errors, help, and the commands without a server.

use crate::support::process::{Process, guestpass, run};

/// Checks that a bad setting is an error of one line that names the flag, with exit code 2.
fn assert_one_clear_line(args: &[&str], flag: &str, expected: &str) {
    let output = run(guestpass().args(args));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    assert!(stderr.contains(flag) && stderr.contains(expected), "{args:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{args:?}");
}

#[test]
fn a_bad_setting_is_one_line_and_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", directory.path().join("guestpass.db").display());
    let nowhere = format!("sqlite:{}", directory.path().join("no/such/guestpass.db").display());
    let empty = directory.path().display().to_string();

    for (flag, value, expected) in [
        ("--listen", "8000", "invalid"),
        ("--listen", "localhost:8000", "0.0.0.0:8000 or [::]:8000; host names are not resolved"),
        ("--metrics-listen", "localhost:9000", "host names are not resolved"),
        ("--log-format", "xml", "[possible values: "),
        ("--listen", "203.0.113.7:8000", "assign"),
        ("--store", "postgres://db", "/DATABASE"),
        ("--store", "sqlite:", "sqlite:PATH"),
        ("--store", &nowhere, "No such file"),
        ("--issuer", "shop.example", "URL"),
        ("--audience", "", "empty"),
        ("--access-ttl", "soon", "duration"),
        ("--access-ttl", "0s", "at least"),
        ("--refresh-ttl", "5m", "--access-ttl"),
        ("--refresh-grace", "60d", "--refresh-ttl"),
        ("--guest-token-ttl", "11000d", "at most"),
        ("--sweep-limit", "0", "from 1 to 100"),
        ("--session-max-age", "soon", "or off"),
        ("--session-max-age", "1s", "from 1m"),
        ("--algorithm", "none", "EdDSA"),
        ("--max-connections", "0", "from 1 to"),
        ("--client-timeout", "0s", "longer than 0s"),
        ("--login-rate", "30", "30/1h"),
        ("--login-proof", "on", "2000"),
        ("--otlp-endpoint", "localhost:4318", "http://localhost:4318"),
        ("--failed-refresh-rate", "3600", "30/1h"),
        ("--account-rate", "often", "30/1h"),
        ("--password-rate", "0/1h", "30/1h"),
        ("--trusted-proxy", "10.0.0.0/33", "10.0.0.0/8"),
        ("--passkey-domain", "shop.example", "--passkey-origin"),
        ("--passkey-origin", "https://shop.example", "localhost"),
        ("--oidc-issuer", "https://accounts.example", "URL=CLIENT_ID"),
        ("--cors-origin", "*", "origin"),
        ("--cors-origin", "https://shop.example/", "origin"),
        ("--static", &empty, "index.html"),
    ] {
        let mut args = vec!["serve", flag, value];
        if flag != "--store" {
            args.extend(["--store", &database]);
        }
        assert_one_clear_line(&args, flag, expected);
    }
    assert_one_clear_line(&["serve", "--colour"], "--colour", "unexpected");
    assert_one_clear_line(&["restore"], "required arguments were not provided", "<FILE>");
    assert_one_clear_line(&["restore", "--leaked", "some", "backup.db"], "--leaked", "[possible values: access, all]");
}

#[test]
fn a_setting_can_come_from_the_environment() {
    let output = run(guestpass().arg("serve").env("GUESTPASS_ACCESS_TTL", "soon"));

    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--access-ttl"));
    let output = run(guestpass().arg("serve").env("GUESTPASS_LOG", "guestpass=loud"));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("GUESTPASS_LOG"));
}

#[test]
fn a_sqlite_file_can_have_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let first = Process::start(&database);

    let store = format!("sqlite:{}", database.display());
    assert_one_clear_line(&["serve", "--listen", "127.0.0.1:0", "--store", &store], "--store", "another server");

    first.kill();
    Process::start(&database);
}

#[test]
fn the_files_of_the_store_are_private_to_their_owner() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let _server = Process::start(&directory.path().join("guestpass.db"));

    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
}

#[test]
fn the_help_has_settings_defaults_and_examples() {
    let output = run(guestpass().args(["serve", "--help"]));

    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for word in ["--access-ttl", "GUESTPASS_ACCESS_TTL", "Examples:", "listening on", "15m", "Tokens:", "--config"] {
        assert!(help.contains(word), "{word} is not in the help");
    }
}

#[test]
fn the_contract_is_printed_without_a_server() {
    let output = run(guestpass().arg("openapi"));

    assert_eq!(output.status.code(), Some(0));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, guestpass_server::openapi(&guestpass_server::Collections::default()));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn s07_the_command_sweep_removes_inactive_guests() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let store = format!("sqlite:{}", database.display());
    drop(Process::start(&database));
    // Two guests, inactive since 1970; one has a session.
    let shell = rusqlite::Connection::open(&database).unwrap();
    let (one, two) = ("0197f2f0-0000-7000-8000-00000000000a", "0197f2f0-0000-7000-8000-00000000000b");
    let rows = format!(
        "INSERT INTO anonymous_user (id, created_at, last_active_at) VALUES ('{one}', 1, 1), ('{two}', 1, 1);
         INSERT INTO session (id, user_id, refreshable, counter, created_at, expires_at, access_expires_at)
         VALUES ('{one}', '{one}', 1, 0, 1, 2, 2)"
    );
    shell.execute_batch(&rows).unwrap();
    drop(shell);

    let output = run(guestpass().args(["sweep", "--guest-retention", "1d", "--store", &store]));

    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout, "removed 2 guests and 1 sessions\n");
    let output = run(guestpass().args(["sweep", "--guest-retention", "11000d", "--store", &store]));
    assert_eq!(output.status.code(), Some(2));
}

/// Only `serve` makes a store.
#[test]
fn a_command_on_a_store_that_does_not_exist_is_an_error_and_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("typo.db");
    let store = format!("sqlite:{}", database.display());
    let file = directory.path().join("backup.db").display().to_string();
    let user = "0197f2f0-0000-7000-8000-00000000000a";

    for command in [
        &["sweep"][..],
        &["keys", "list"],
        &["keys", "rotate"],
        &["users", "show", user],
        &["audit"],
        &["collections", "check"],
        &["backup", &file],
    ] {
        let output = run(guestpass().args(command).args(["--store", &store]));

        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{command:?}: {error}");
        assert!(error.contains(&format!("{} does not exist", database.display())), "{command:?}: {error}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{command:?}");
    }
}

#[test]
fn s15_the_command_sweep_refuses_when_the_clock_is_in_doubt_or_too_many_guests_are_due() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let store = format!("sqlite:{}", database.display());
    drop(Process::start(&database));
    let shell = rusqlite::Connection::open(&database).unwrap();
    // As if no server had run for two days.
    let rows = "
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 101)
        INSERT INTO anonymous_user (id, created_at, last_active_at)
        SELECT printf('00000000-0000-4000-8000-%012d', n), 1, 1 FROM number;
        UPDATE heartbeat SET at = at - 2 * 24 * 60 * 60 * 1000";
    shell.execute_batch(rows).unwrap();
    let guests = || shell.query_row("SELECT count(*) FROM anonymous_user", [], |row| row.get::<_, i64>(0)).unwrap();
    let sweep = |flags: &[&str]| {
        let output = run(guestpass().args(["sweep", "--store", &store]).args(flags));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };

    let (code, stdout, stderr) = sweep(&[]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("nothing was removed: the clock") && stderr.contains("--clock-is-right"), "{stderr}");
    assert_eq!(guests(), 101);

    let (code, stdout, stderr) = sweep(&["--clock-is-right"]);
    assert_eq!((code, stdout.as_str()), (Some(1), "removed 100 guests and 0 sessions\n"), "{stderr}");
    assert!(stderr.contains("--sweep-limit 100"), "{stderr}");
    assert_eq!(guests(), 1);

    let (code, stdout, _) = sweep(&["--sweep-limit", "100"]);
    assert_eq!((code, stdout.as_str()), (Some(0), "removed 1 guests and 0 sessions\n"));
}
