//! S12: on SIGTERM the process finishes the requests in progress, writes the data in memory, and exits with 0

use std::io::{Read, Write};
use std::net::TcpStream;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::process::Process;

async fn login(server: &Process) -> String {
    let response = server.http.post(format!("{}/anonymous-login", server.url)).send().await.unwrap();
    let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    json["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s12_on_sigterm_the_last_activity_is_written_and_the_exit_code_is_0() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("guestpass.db");
    let server = Process::start(&database);
    let token = login(&server).await;
    let me = server.http.get(format!("{}/me", server.url)).bearer_auth(&token).send().await.unwrap();
    let me: Value = serde_json::from_slice(&me.bytes().await.unwrap()).unwrap();

    server.terminate();
    let (code, rest) = server.wait();

    assert_eq!(code, Some(0));
    assert_eq!(rest, "", "standard output has the ready line only");
    let written: i64 = Connection::open(&database)
        .unwrap()
        .query_row("SELECT last_active_at - created_at FROM anonymous_user", [], |row| row.get(0))
        .unwrap();
    assert!(written > 0, "{me}");
    assert!(
        !directory.path().join("guestpass.db-wal").exists(),
        "the write-ahead log was not merged into the database"
    );
}

#[tokio::test]
async fn s12_a_request_in_progress_is_finished_and_idle_connections_do_not_delay_the_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(&directory.path().join("guestpass.db"));
    let token = login(&server).await;
    // Browsers open connections in advance, without a request.
    let _silent = TcpStream::connect(server.address()).unwrap();
    let mut slow = TcpStream::connect(server.address()).unwrap();
    let body = br#"{"add":{"quantity":3}}"#;
    write!(
        slow,
        "POST /me/cart/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut interim = [0; 25];
    // The server asks for the body: the request is in progress.
    slow.read_exact(&mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 Continue"));

    server.terminate();
    // A server that refuses connections is stopping.
    while TcpStream::connect(server.address()).is_ok() {
        tokio::task::yield_now().await;
    }
    slow.write_all(body).unwrap();
    let mut response = String::new();
    slow.read_to_string(&mut response).unwrap();

    assert!(response.starts_with("HTTP/1.1 201 Created"), "{response}");
    let stopped = std::time::Instant::now();
    assert_eq!(server.wait().0, Some(0));
    assert!(stopped.elapsed() < std::time::Duration::from_secs(5), "an idle connection delayed the shutdown");
}
