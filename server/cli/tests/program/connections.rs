//! S11: what a client may send before anybody reads it, how long it may take, and how many there may be at a time

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::process::{Process, guestpass};

/// No test waits longer for something to become so.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long is looked whether nothing comes.
const NOTHING: Duration = Duration::from_millis(300);

fn serve(flags: &[&str]) -> (Process, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = guestpass();
    command.arg("serve").args(flags).stderr(Stdio::null());
    (Process::spawn_serve(&mut command, &directory.path().join("guestpass.db")), directory)
}

fn connect(server: &Process) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
}

/// The beginning of an answer; empty when the server has closed the connection.
fn heard(stream: &mut TcpStream) -> String {
    let mut answer = [0; 15];
    match stream.read(&mut answer) {
        Ok(count) => String::from_utf8_lossy(&answer[..count]).into_owned(),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
        Err(error) => panic!("{error}"),
    }
}

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

#[test]
fn s11_more_connections_than_there_may_be_wait_for_one_to_be_closed() {
    let (server, _directory) = serve(&["--max-connections", "2"]);
    let mut open = [connect(&server), connect(&server)];
    for stream in &mut open {
        ask(stream);
        assert_eq!(heard(stream), "HTTP/1.1 200 OK");
    }
    let mut third = connect(&server);
    ask(&mut third);
    third.set_read_timeout(Some(NOTHING)).unwrap();
    let waits = third.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(waits, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waits}");

    let [first, _second] = open;
    drop(first);

    third.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(heard(&mut third), "HTTP/1.1 200 OK");
    // One that waits does not hold up the end.
    let _fourth = connect(&server);
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn s11_the_head_of_a_request_has_to_come_in_time() {
    let (server, _directory) = serve(&["--client-timeout", "500ms"]);
    let mut silent = connect(&server);
    let mut resting = connect(&server);
    ask(&mut resting);
    assert_eq!(heard(&mut resting), "HTTP/1.1 200 OK");
    let mut slow = connect(&server);
    let started = Instant::now();
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();

    // A line of the head now and then does not make it longer.
    while slow.write_all(b"x: 1\r\n").is_ok() {
        assert!(started.elapsed() < PATIENCE, "a client that is slow enough is never sent away");
        std::thread::sleep(Duration::from_millis(20));
    }

    assert!(started.elapsed() >= Duration::from_millis(450), "{:?}", started.elapsed());
    assert_eq!(heard(&mut silent), "");
    while !heard(&mut resting).is_empty() {}
    let mut quick = connect(&server);
    ask(&mut quick);
    assert_eq!(heard(&mut quick), "HTTP/1.1 200 OK");
}

#[test]
fn s11_a_client_that_does_not_take_its_answer_does_not_keep_its_place() {
    let pages = tempfile::tempdir().unwrap();
    std::fs::write(pages.path().join("index.html"), "").unwrap();
    // More than all buffers on the way.
    std::fs::File::create(pages.path().join("big.bin")).unwrap().set_len(256 << 20).unwrap();
    let directory = pages.path().display().to_string();
    let (server, _directory) = serve(&["--max-connections", "1", "--client-timeout", "500ms", "--static", &directory]);
    let mut greedy = connect(&server);
    greedy.write_all(b"GET /big.bin HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(heard(&mut greedy), "HTTP/1.1 200 OK");

    let mut next = connect(&server);
    ask(&mut next);

    assert_eq!(heard(&mut next), "HTTP/1.1 200 OK");
}
