//! The program `guestpass-demo`, in a process of its own.

#![expect(clippy::unwrap_used, reason = "clippy recognises tests by their attribute, and not the code that they share")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program with a page of the test's own, killed when dropped.
struct Program {
    child: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl Program {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("index.html"), "<title>demo</title>").unwrap();
        let mut child = program(directory.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("no ready line: {line}")).to_owned();
        Self { child, url, _directory: directory }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestpass-demo"));
    let store = format!("sqlite:{}", directory.join("guestpass.db").display());
    command.args(["--listen", "127.0.0.1:0", "--store", &store, "--static"]).arg(directory);
    command
}

#[tokio::test]
async fn the_program_serves_the_pages_the_api_and_the_faults() {
    let program = Program::start();

    for page in ["/", "/lab"] {
        assert_eq!(program.get(page).await, (200, "<title>demo</title>".to_owned()), "{page}");
    }
    assert_eq!(program.get("/healthz").await.0, 200);
    assert!(program.get("/demo/faults").await.1.contains("\"outage_ms\":0"));
}

#[test]
fn the_program_exits_with_0_on_sigterm_although_a_connection_is_open() {
    let mut program = Program::start();
    let _open = TcpStream::connect(program.url.strip_prefix("http://").unwrap()).unwrap();

    let status = Command::new("kill").args(["-TERM", &program.child.id().to_string()]).status().unwrap();

    assert!(status.success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_setting_that_cannot_work_is_one_line_and_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();

    // The directory has no index.html.
    let output = program(directory.path()).output().unwrap();

    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
    assert!(line.starts_with("guestpass-demo: --static"), "{line}");
}
