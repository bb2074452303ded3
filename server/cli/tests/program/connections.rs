//! S11: the limits of connections: the size of a head, the time that a client may take, and the number of connections

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::process::{Process, guestpass};

/// The longest wait for a condition.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a test checks that no byte arrives.
const NO_BYTE_WAIT: Duration = Duration::from_millis(300);

fn serve(flags: &[&str]) -> (Process, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = guestpass();
    command.arg("serve").args(flags).stderr(Stdio::null());
    (Process::spawn_serve(&mut command, &directory.path().join("guestpass.db")), directory)
}

fn connect(server: &Process) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

fn send_request(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
}

/// As [`serve`], with a file that is larger than all buffers between the server and the client.
fn serve_large_file(flags: &[&str]) -> (Process, [tempfile::TempDir; 2]) {
    let pages = tempfile::tempdir().unwrap();
    std::fs::write(pages.path().join("index.html"), "").unwrap();
    std::fs::File::create(pages.path().join("big.bin")).unwrap().set_len(256 << 20).unwrap();
    let directory = pages.path().display().to_string();
    let (server, database) = serve(&[flags, &["--static", &directory]].concat());
    (server, [pages, database])
}

/// A connection on which a response is being sent, because the client does not read it.
fn connect_and_stay_busy(server: &Process) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all(b"GET /big.bin HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(start_of_response(&mut stream), "HTTP/1.1 200 OK");
    stream
}

/// The start of a response; empty if the server has closed the connection.
fn start_of_response(stream: &mut TcpStream) -> String {
    let mut response = [0; 15];
    match stream.read(&mut response) {
        Ok(count) => String::from_utf8_lossy(&response[..count]).into_owned(),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
        Err(error) => panic!("{error}"),
    }
}

/// Sends the head of a request, and returns the first line of the response.
fn status_line(server: &Process, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    // The server may respond and close before it has read the whole head.
    let _ = stream.write_all(head.as_bytes());
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    String::from_utf8_lossy(&response).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn s11_the_size_of_a_request_head_is_limited() {
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

#[test]
fn s11_connections_above_the_limit_wait_while_all_others_are_busy() {
    let (server, _directory) = serve_large_file(&["--max-connections", "2", "--max-connections-per-client", "2"]);
    let first = connect_and_stay_busy(&server);
    let second = connect_and_stay_busy(&server);
    let mut third = connect(&server);
    send_request(&mut third);
    third.set_read_timeout(Some(NO_BYTE_WAIT)).unwrap();
    let error = third.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(error, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");

    drop(first);

    third.set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(start_of_response(&mut third), "HTTP/1.1 200 OK");
    // A waiting connection does not delay the shutdown.
    let _fourth = connect(&server);
    drop(second);
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn s11_a_connection_with_a_slow_request_head_is_closed() {
    let (server, _directory) = serve(&["--client-timeout", "500ms"]);
    let mut silent = connect(&server);
    let mut idle = connect(&server);
    send_request(&mut idle);
    assert_eq!(start_of_response(&mut idle), "HTTP/1.1 200 OK");
    let mut slow = connect(&server);
    let started = Instant::now();
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();

    // Single lines of the head do not extend the timeout.
    while slow.write_all(b"x: 1\r\n").is_ok() {
        assert!(started.elapsed() < TIMEOUT, "the connection of a slow client is not closed");
        std::thread::sleep(Duration::from_millis(20));
    }

    assert!(started.elapsed() >= Duration::from_millis(450), "{:?}", started.elapsed());
    assert_eq!(start_of_response(&mut silent), "");
    while !start_of_response(&mut idle).is_empty() {}
    let mut quick = connect(&server);
    send_request(&mut quick);
    assert_eq!(start_of_response(&mut quick), "HTTP/1.1 200 OK");
}

#[test]
fn s11_a_connection_whose_client_does_not_read_is_closed() {
    let (server, _directories) = serve_large_file(&["--max-connections", "1", "--client-timeout", "500ms"]);
    let _not_reading = connect_and_stay_busy(&server);

    let mut next = connect(&server);
    send_request(&mut next);

    assert_eq!(start_of_response(&mut next), "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn the_limits_count_the_address_of_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = guestpass();
    command.args(["serve", "--login-rate", "1/1h", "--trusted-proxy", "127.0.0.1"]);
    let server = Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));
    let login = async |forwarded: &str| {
        let login = server.http.post(format!("{}/anonymous-login", server.url));
        let response = login.header("x-forwarded-for", forwarded).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice::<Value>(&response.bytes().await.unwrap()).unwrap())
    };

    assert_eq!(login("203.0.113.7").await.0, 200);
    let (status, problem) = login("203.0.113.7").await;
    assert_eq!(status, 429);
    assert_eq!(problem["status"], 429);
    assert_eq!(login("203.0.113.8").await.0, 200);
}
