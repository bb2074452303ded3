//! A store whose files cannot grow, and a full disk.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Server;
use super::guest::Guest;
use crate::support::process::guestpass_under;

/// The kernel limits the size of the files of a process (RLIMIT_FSIZE), also for root.
#[tokio::test]
async fn s05_a_store_at_its_file_size_limit_loses_nothing_and_works_after_the_limit_is_raised() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    // A process that ignores SIGXFSZ gets an error instead.
    let ignoring = &["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let server = Server::start(&mut guestpass_under(ignoring), &database, directory.path().join("log"));

    let log = std::fs::metadata(directory.path().join("guestpass.db-wal")).unwrap();
    let limit = |bytes: &str| {
        let process = server.process.id().to_string();
        let status = Command::new("prlimit").args(["--pid", &process, &format!("--fsize={bytes}:")]).status().unwrap();
        assert!(status.success());
    };
    let guests = serve_through(&server, || limit(&(log.len() + 100_000).to_string()), || limit("unlimited")).await;

    server.assert_logged("disk I/O error");
    server.stop(&database, guests);
}

/// A file system of two megabytes, full to the last byte.
#[tokio::test]
async fn s05_a_full_disk_loses_nothing_and_works_after_space_is_freed() {
    let Some(namespace) = mount_namespace() else {
        // Then only the test with the limit above runs.
        eprintln!("skipped: this process may not mount a file system");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let database = disk.join("guestpass.db");
    let mount = format!("mount -t tmpfs -o size=2m none '{}' && exec \"$@\"", disk.display());
    let mut launcher = namespace;
    launcher.extend(["sh", "-c", &mount, "sh"]);
    let server = Server::start(&mut guestpass_under(&launcher), &database, directory.path().join("log"));

    // Only the server has the disk mounted; this handle gives the test access to it, also after the server has ended.
    let inside = format!("/proc/{}/root{}", server.process.id(), disk.display());
    let handle = File::open(inside).unwrap();
    let inside = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    let ballast = inside.join("ballast");
    let guests = serve_through(&server, || fill(&ballast), || std::fs::remove_file(&ballast).unwrap()).await;
    server.assert_logged("database or disk is full");

    server.process.terminate();
    assert_eq!(server.process.wait().0, Some(0));
    let copy = directory.path().join("copy.db");
    std::fs::copy(inside.join("guestpass.db"), &copy).unwrap();
    super::assert_intact(&copy, guests);
}

/// Returns the number of acknowledged logins.
async fn serve_through(server: &Server, take_room: impl FnOnce(), make_room: impl FnOnce()) -> usize {
    let process = &server.process;
    let mut guest = Guest::log_in(process).await.unwrap();
    guest.add_to_cart(process).await.unwrap();

    server.until_ready(true).await;
    take_room();
    let meanwhile = guest.change_until_refused(process).await;
    guest.assert_refused(process).await;
    guest.check_cart(process).await;
    server.until_ready(false).await;

    make_room();
    server.until_ready(true).await;
    guest.assert_served(process).await;
    1 + meanwhile + 1
}

fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
}

/// The command that creates one; `None` if this process may not.
fn mount_namespace() -> Option<Vec<&'static str>> {
    let namespace = vec!["unshare", "--map-root-user", "--mount"];
    let probe = ["mount", "-t", "tmpfs", "none", "/tmp"];
    let output = Command::new(namespace[0]).args(&namespace[1..]).args(probe).output().ok()?;
    output.status.success().then_some(namespace)
}
