//! Secrets in files of their own: `--store-file`, `--introspection-secret-file`, `--key-encryption-key-file`, `--captcha-secret-file`

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::process::{Process, guestpass, run};

const OLD: &str = "0123456789abcdef0123456789abcdef";
const NEW: &str = "fedcba9876543210fedcba9876543210";

/// A folder with files of secrets.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> String {
        format!("sqlite:{}", self.path("guestpass.db").display())
    }

    /// Writes a file that only its owner can read.
    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// `guestpass serve` on a free port, with the path of a file after the last flag.
fn serve(flags: &[&str], file: &Path) -> Command {
    let mut command = guestpass();
    command.env("GUESTPASS_LISTEN", "127.0.0.1:0").arg("serve").args(flags).arg(file);
    command
}

fn error_line(command: &mut Command) -> String {
    let output = run(command);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    stderr
}

async fn introspects(server: &Process, secret: &str) -> bool {
    let request = server.http.post(format!("{}/introspect", server.url)).bearer_auth(secret);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("token=x");
    request.send().await.unwrap().status().is_success()
}

#[tokio::test]
async fn secrets_are_read_from_files() {
    let folder = Folder::new();
    let secrets = folder.file("secrets", &format!("{OLD}\n{NEW}\n"));
    let mut command = serve(&["--introspection-secret-file"], &secrets);

    let server = Process::spawn_serve(command.stderr(Stdio::null()), &folder.path("guestpass.db"));

    assert!(introspects(&server, OLD).await && introspects(&server, NEW).await);
    assert!(!introspects(&server, &format!("{OLD}{NEW}")).await);
    drop(server);
    // The store, too, by a variable and by the file of settings.
    let store = folder.file("store", &(folder.store() + "\n"));
    let settings = folder.file("guestpass.toml", &format!("store-file = {:?}\n", store.display().to_string()));
    for command in [
        guestpass().args(["keys", "list"]).env("GUESTPASS_STORE_FILE", &store),
        guestpass().args(["keys", "list", "--config"]).arg(settings),
    ] {
        let output = run(command);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("signing"));
    }
}

#[tokio::test]
async fn several_secrets_come_from_the_environment_and_from_the_file_of_settings() {
    let folder = Folder::new();
    let list = folder.file("guestpass.toml", &format!("introspection-secret = [\"{OLD}\", \"{NEW}\"]\n"));
    let mut in_environment = guestpass();
    in_environment.arg("serve").env("GUESTPASS_INTROSPECTION_SECRET", format!("{OLD} {NEW}"));
    let mut in_file = guestpass();
    in_file.args(["serve", "--config"]).arg(list);

    for command in [&mut in_environment, &mut in_file] {
        let server = Process::spawn_serve(command.stderr(Stdio::null()), &folder.path("guestpass.db"));
        assert!(introspects(&server, OLD).await && introspects(&server, NEW).await);
        server.kill();
    }
}

#[tokio::test]
async fn the_secret_of_a_captcha_service_comes_from_a_file_or_the_environment_and_is_not_logged() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    let folder = Folder::new();
    let secret = folder.file("captcha", &format!("{OLD}\n"));
    let settings = format!("captcha-verify-url = {url:?}\ncaptcha-secret-file = {:?}\n", secret.display().to_string());
    let mut in_file = guestpass();
    in_file.args(["serve", "--config"]).arg(folder.file("guestpass.toml", &settings));
    let mut in_environment = guestpass();
    in_environment.arg("serve").env("GUESTPASS_CAPTCHA_VERIFY_URL", &url).env("GUESTPASS_CAPTCHA_SECRET", OLD);

    for command in [&mut in_file, &mut in_environment] {
        let log = folder.path("log");
        let command = command.stderr(std::fs::File::create(&log).unwrap());
        let server = Process::spawn_serve(command, &folder.path("guestpass.db"));
        let login = server.http.post(format!("{}/anonymous-login", server.url)).body(r#"{"captcha":"t"}"#);
        let login = login.header("content-type", "application/json");
        let (response, form) = tokio::join!(login.send(), refuse(&listener));

        assert_eq!(response.unwrap().status(), 503);
        assert!(form.contains(&format!("secret={OLD}&response=t&remoteip=127.0.0.1")), "{form}");
        server.kill();
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains("the CAPTCHA service has verified no token") && !log.contains(OLD), "{log}");
    }
}

/// Accepts one connection, and closes it after the request.
async fn refuse(listener: &tokio::net::TcpListener) -> String {
    use tokio::io::AsyncReadExt as _;
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !String::from_utf8_lossy(&request).contains("remoteip") {
        assert!(connection.read_buf(&mut request).await.unwrap() > 0);
    }
    String::from_utf8(request).unwrap()
}

#[test]
fn a_file_that_cannot_be_used_is_one_line_that_does_not_repeat_it() {
    let folder = Folder::new();
    let missing = folder.path("missing");
    let error = error_line(&mut serve(&["--store-file"], &missing));
    assert!(error.contains(&format!("--store-file {}: No such file", missing.display())), "{error}");

    let binary = folder.path("binary");
    std::fs::write(&binary, b"hunter2\xff").unwrap();
    for (flag, file, expected) in [
        ("--store-file", folder.file("a", "\n"), "the file is empty"),
        ("--introspection-secret-file", folder.file("b", ""), "the file is empty"),
        ("--store-file", binary, "the file is not text"),
        ("--store-file", folder.file("c", "postgres:/app:hunter2@db/shop"), "postgres://USER:PASSWORD@HOST/DATABASE"),
        ("--introspection-secret-file", folder.file("d", "hunter2"), "expected 32 or more"),
        ("--key-encryption-key-file", folder.file("e", "hunter2"), "guestpass keys new-encryption-key"),
    ] {
        let error = error_line(&mut serve(&[flag], &file));
        assert!(error.contains(expected) && error.contains(&file.display().to_string()), "{flag}: {error}");
        assert!(!error.contains("hunter2"), "{flag}: {error}");
    }
}

#[test]
fn a_secret_and_its_file_at_the_same_level_are_an_error() {
    let folder = Folder::new();
    let file = folder.file("store", &folder.store());
    let text = file.display().to_string();
    let settings = folder.file("guestpass.toml", &format!("store = \"sqlite:hunter2\"\nstore-file = {text:?}\n"));

    for command in [
        guestpass().args(["keys", "list", "--store", "sqlite:hunter2", "--store-file", &text]),
        guestpass().args(["keys", "list"]).env("GUESTPASS_STORE", "sqlite:hunter2").env("GUESTPASS_STORE_FILE", &text),
        guestpass().args(["keys", "list", "--config"]).arg(&settings),
    ] {
        let error = error_line(command);
        assert!(error.contains("--store") && error.contains("--store-file"), "{error}");
        assert!(error.contains("both given") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn of_a_secret_and_its_file_the_flag_overrides_the_environment_and_that_the_file_of_settings() {
    let folder = Folder::new();
    let missing = |name: &str| format!("sqlite:{}", folder.path(name).display());
    let (chosen, other) = (folder.file("chosen", &missing("chosen.db")), folder.file("other", &missing("other.db")));
    let (chosen, other) = (chosen.display().to_string(), other.display().to_string());
    let value = folder.file("value.toml", &format!("store = {:?}\n", missing("other.db")));
    let path = folder.file("path.toml", &format!("store-file = {other:?}\n"));
    let list = || {
        let mut command = guestpass();
        command.args(["keys", "list"]);
        command
    };

    for (number, command) in [
        list().args(["--store-file", &chosen]).env("GUESTPASS_STORE", missing("other.db")),
        list().args(["--store", &missing("chosen.db")]).env("GUESTPASS_STORE_FILE", &other),
        list().args(["--store-file", &chosen, "--config"]).arg(&value),
        list().args(["--store", &missing("chosen.db"), "--config"]).arg(&path),
        list().env("GUESTPASS_STORE_FILE", &chosen).arg("--config").arg(&value),
        list().env("GUESTPASS_STORE", missing("chosen.db")).arg("--config").arg(&path),
    ]
    .into_iter()
    .enumerate()
    {
        // The error names the store that does not exist.
        let error = error_line(command);
        assert!(error.contains("chosen.db") && !error.contains("other.db"), "{number}: {error}");
    }
}

#[test]
fn a_file_that_other_users_can_read_is_reported() {
    let folder = Folder::new();
    Process::start(&folder.path("guestpass.db")).kill();
    let file = folder.file("store", &folder.store());
    let list = || run(guestpass().args(["keys", "list", "--store-file"]).arg(&file));
    assert!(list().stderr.is_empty());

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = list();

    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.lines().count() == 1, "{stderr}");
    assert!(stderr.contains("warning") && stderr.contains("mode 644") && stderr.contains("chmod 600"), "{stderr}");
}

#[tokio::test]
async fn a_server_writes_the_warning_into_its_log_and_never_the_secret() {
    let folder = Folder::new();
    let key = String::from_utf8(run(guestpass().args(["keys", "new-encryption-key"])).stdout).unwrap();
    let (key, secret) = (folder.file("kek", &key), folder.file("secret", OLD));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o604)).unwrap();
    let log = folder.path("log");
    let mut command =
        serve(&["--key-encryption-key-file", &key.display().to_string(), "--introspection-secret-file"], &secret);
    command.env("GUESTPASS_LOG", "trace").stderr(std::fs::File::create(&log).unwrap());

    let server = Process::spawn_serve(&mut command, &folder.path("guestpass.db"));
    assert!(introspects(&server, OLD).await);
    server.terminate();
    server.wait();

    let (log, key) = (std::fs::read_to_string(&log).unwrap(), std::fs::read_to_string(&key).unwrap());
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("mode 604"), "{warnings:?}");
    for secret in [OLD, key.trim()] {
        assert!(!log.contains(secret), "{secret} was logged");
    }
}

#[test]
fn a_key_encryption_key_is_refused_on_the_command_line() {
    let key = String::from_utf8(run(guestpass().args(["keys", "new-encryption-key"])).stdout).unwrap();

    let error = error_line(guestpass().args(["serve", &format!("--key-encryption-key={}", key.trim())]));

    assert!(error.contains("--key-encryption-key-file") && error.contains("GUESTPASS_KEY_ENCRYPTION_KEY"), "{error}");
    assert!(!error.contains(key.trim()), "{error}");
}
