//! A database that cannot be written to when the server starts: one line of error, and no damage.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Server;
use super::guest::Guest;
use crate::support::process::{guestpass, guestpass_under, run};

struct KilledServer {
    directory: tempfile::TempDir,
    guest: Guest,
}

impl KilledServer {
    /// A database whose server was killed, so that its write-ahead log still has changes.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("guestpass.db");
        let server = Server::start(guestpass().arg("serve"), &database, directory.path().join("log"));
        let mut guest = Guest::log_in(&server.process).await.unwrap();
        guest.add_to_cart(&server.process).await.unwrap();
        server.process.kill();
        Self { directory, guest }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn assert_does_not_start(&self, command: &mut Command, cause: &str) {
        let store = format!("sqlite:{}", self.path("guestpass.db").display());
        let output = run(command.env("GUESTPASS_LOG", "off").args(["--listen", "127.0.0.1:0", "--store", &store]));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains("--store sqlite:") && error.contains(cause), "{cause:?} is not in: {error}");
    }

    async fn assert_starts(mut self) {
        let server = Server::start(guestpass().arg("serve"), &self.path("guestpass.db"), self.path("log"));
        self.guest.check_cart(&server.process).await;
        self.guest.assert_served(&server.process).await;
        server.stop(&self.path("guestpass.db"), 2);
    }
}

/// Root ignores the permissions of files, unless it drops that capability.
fn bound_by_permissions() -> Command {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if is_root {
        guestpass_under(&["setpriv", "--bounding-set=-dac_override,-dac_read_search"])
    } else {
        guestpass_under(&["env"])
    }
}

fn permit(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_read_only_database_is_an_error_at_the_start() {
    for name in ["guestpass.db", "guestpass.db-wal", "guestpass.db-shm", "guestpass.db-lock"] {
        let place = KilledServer::new().await;
        permit(&place.path(name), 0o400);
        place.assert_does_not_start(&mut bound_by_permissions(), name);

        permit(&place.path(name), 0o600);
        place.assert_starts().await;
    }
}

#[tokio::test]
async fn a_read_only_directory_is_an_error_at_the_start() {
    let place = KilledServer::new().await;
    let inner = place.path("inner");
    std::fs::create_dir(&inner).unwrap();
    permit(&inner, 0o500);
    let store = format!("sqlite:{}", inner.join("guestpass.db").display());

    let output = run(bound_by_permissions().args(["--listen", "127.0.0.1:0", "--store", &store]));

    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("Permission denied"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_an_error_at_the_start() {
    let place = KilledServer::new().await;

    // The limit is below the size of the write-ahead log: recovery can read, and the first write fails.
    let limited = &["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"];
    place.assert_does_not_start(&mut guestpass_under(limited), "disk I/O error");

    place.assert_starts().await;
}
