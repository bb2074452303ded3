//! The command line: errors, help, and the commands without a server.

use std::process::Command;

use crate::support::process::{Process, guestpass, guestpass_under, run};

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
    let folder_as_store = format!("sqlite:{empty}");

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
        ("--captcha-verify-url", "http://captcha.example/siteverify", "https://"),
        ("--captcha-verify-url", "https://captcha.example/siteverify", "--captcha-secret"),
        ("--captcha-secret", "hunter2", "--captcha-verify-url"),
        ("--otlp-endpoint", "localhost:4318", "http://localhost:4318"),
        ("--failed-refresh-rate", "3600", "30/1h"),
        ("--account-rate", "often", "30/1h"),
        ("--password-rate", "0/1h", "30/1h"),
        ("--trusted-proxy", "10.0.0.0/33", "10.0.0.0/8"),
        ("--passkey-domain", "shop.example", "--passkey-origin"),
        ("--passkey-origin", "https://shop.example", "localhost"),
        ("--oidc-issuer", "https://accounts.example", "URL=CLIENT_ID"),
        ("--listen", ":8000", "expected an IP address and a port"),
        ("--listen", "localhost:0", "host names are not resolved"),
        ("--log", "infoo", "\"infoo\" is not a level"),
        ("--log", "info,guestpass_server=loud", "expected one of"),
        ("--log", "guestpas=debug", "there is no part \"guestpas\""),
        ("--log", "", "`off` turns the log off"),
        ("--store", "guests.db", "sqlite:PATH"),
        ("--store", "mysql://db/guests", "sqlite:PATH"),
        ("--store", "sqlite://guests.db", "sqlite:/var/lib/guestpass/guests.db"),
        ("--store", "sqlite:///guests.db", "and not a URL"),
        ("--store", "sqlite:guests.db?mode=ro", "and not a URL"),
        ("--store", "postgres://", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("--store", "postgres:///guests", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("--store", &folder_as_store, "is a directory: name a file in it, such as"),
        ("--store", "sqlite:/proc/guests.db", "/proc/guests.db"),
        ("--config", "/proc/nothing.toml", "No such file"),
        ("--config", &empty, "Is a directory"),
        ("--cors-origin", "*", "no wildcards"),
        ("--cors-origin", "null", "sandboxed frames"),
        ("--cors-origin", "file://", "origin null"),
        ("--cors-origin", "https://shop.example/", "write https://shop.example, as browsers send it"),
        ("--cors-origin", "https://shop.example:443", "write https://shop.example, as browsers send it"),
        ("--cors-origin", "https://ada@shop.example", "write https://shop.example, as browsers send it"),
        ("--cors-origin", "shop.example", "write https://shop.example, as browsers send it"),
        ("--cors-origin", "http://x:99999", "such as https://shop.example"),
        ("--cors-origin", "https://[", "such as https://shop.example"),
        ("--cors-origin", "", "such as https://shop.example"),
        ("--static", &empty, "index.html"),
    ] {
        let mut args = vec!["serve", flag, value];
        if flag != "--store" {
            args.extend(["--store", &database]);
        }
        assert_one_clear_line(&args, flag, expected);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{args:?} left a file");
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
    for variable in
        ["GUESTPASS_CORS_ORIGIN", "GUESTPASS_LISTEN", "GUESTPASS_STORE", "GUESTPASS_TRUSTED_PROXY", "GUESTPASS_LOG"]
    {
        let output = run(guestpass().arg("serve").env(variable, ""));
        assert_eq!(output.status.code(), Some(2), "{variable}");
        let line = format!("guestpass: {variable} is empty: give it a value, or remove it\n");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), line);
    }
}

#[test]
fn a_server_that_cannot_listen_makes_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", directory.path().join("guestpass.db").display());
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();

    for flags in [
        ["--listen", &taken, "--metrics-listen", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--metrics-listen", &taken],
    ] {
        assert_one_clear_line(&[&["serve", "--store", &store], &flags[..]].concat(), &taken, "Address already in use");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{flags:?}");
    }
}

#[test]
fn the_limit_of_open_files_is_compared_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let store = format!("sqlite:{}", database.display());
    let under = |limit: &str| guestpass_under(&["sh", "-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")]);

    let output = run(under("20").args(["--store", &store, "--listen", "127.0.0.1:0"]));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.contains("the limit of open files is 20") && stderr.contains("ulimit -Hn"), "{stderr}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);

    let log = directory.path().join("log");
    let server = Process::spawn_serve(under("256").stderr(std::fs::File::create(&log).unwrap()), &database);
    server.terminate();
    server.wait();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("the limit of open files allows 128 connections instead of the 10000"), "{log}");
}

#[test]
fn a_pager_that_is_closed_early_is_no_error() {
    let script = "\"$0\" openapi | head -1; exit \"${PIPESTATUS[0]}\"";
    let program = guestpass();

    let output = Command::new("bash").args(["-c", script]).arg(program.get_program()).output().unwrap();

    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"{\n"[..]));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
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
