//! `--metrics-listen` and `--log-format`

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;

use crate::support::process::{Process, guestpass};

#[tokio::test]
async fn the_process_serves_metrics_at_another_address_and_logs_json() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = guestpass();
    command.args(["serve", "--metrics-listen", "127.0.0.1:0", "--log-format", "json"]).stderr(Stdio::piped());
    let mut server = Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));
    let metrics = BufReader::new(server.stderr())
        .lines()
        .find_map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            Some(line["fields"]["message"].as_str()?.strip_prefix("metrics on ")?.to_owned())
        })
        .unwrap();

    let response = server.http.get(&metrics).send().await.unwrap();

    assert_eq!(response.status(), 200);
    assert!(String::from_utf8_lossy(&response.bytes().await.unwrap()).contains("guestpass_logins_total"));
    assert_eq!(server.http.get(format!("{}/metrics", server.url)).send().await.unwrap().status(), 404);
    let silent = TcpStream::connect(server.address()).unwrap();
    server.terminate();
    assert_eq!(server.wait().0, Some(0), "although the test has closed the pipe of the log");
    drop(silent);
}
