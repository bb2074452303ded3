//! S11: what a client may send before anybody reads it

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::process::Process;

/// Sends the head of a request and gives the first line of the answer.
fn status_line(server: &Process, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn s11_the_head_of_a_request_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(&directory.path().join("guestpass.db"));
    let request = |headers: &str| format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");

    assert_eq!(status_line(&server, &request("")), "HTTP/1.1 200 OK");
    let many: String = (0..100).map(|number| format!("x-{number}: 1\r\n")).collect();
    assert_eq!(status_line(&server, &request(&many)), "HTTP/1.1 431 Request Header Fields Too Large");
    let long = format!("x: {}\r\n", "x".repeat(40_000));
    assert_eq!(status_line(&server, &request(&long)), "HTTP/1.1 431 Request Header Fields Too Large");
    assert_eq!(status_line(&server, "not http\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(status_line(&server, &request("")), "HTTP/1.1 200 OK");
}
