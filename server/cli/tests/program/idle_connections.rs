//! S14: idle connections keep no client out, neither at the limit of connections nor at that of open files

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpSocket;

use crate::support::process::{Process, guestpass, guestpass_under};

/// The longest wait for a response.
const TIMEOUT: Duration = Duration::from_secs(60);

fn serve(flags: &[&str]) -> (Process, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = guestpass();
    command.arg("serve").args(flags).stderr(Stdio::null());
    (Process::spawn_serve(&mut command, &directory.path().join("guestpass.db")), directory)
}

/// A server whose limit of open files `ulimit` sets, and its log.
fn serve_with_open_files(ulimit: &str) -> (Process, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let script = format!("ulimit {ulimit}; exec \"$@\"");
    let mut command = guestpass_under(&["bash", "-c", &script, "bash"]);
    command.stderr(File::create(directory.path().join("log")).unwrap());
    (Process::spawn_serve(&mut command, &directory.path().join("guestpass.db")), directory)
}

/// The warnings in the log.
fn warnings(directory: &tempfile::TempDir) -> Vec<String> {
    let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
    log.lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect()
}

/// A connection of the client with this address of the loopback interface.
async fn connect_from(server: &Process, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let stream = socket.connect(server.address().parse().unwrap()).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Sends a request and reads the whole response. Returns whether there was one.
fn is_served(stream: &mut TcpStream) -> bool {
    if stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").is_err() {
        return false;
    }
    let mut response = Vec::new();
    while !response.ends_with(b"ok") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => response.push(byte[0]),
            Ok(_) => return false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&response)),
        }
    }
    response.starts_with(b"HTTP/1.1 200 OK")
}

/// Waits until the server has closed the connection.
fn assert_closed(stream: &mut TcpStream) {
    match stream.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("the connection is open: {other:?}"),
    }
}

/// Lets this process open as many files as it may.
fn raise_limit_of_the_test() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    assert!(maximum.is_none_or(|maximum| maximum >= 3000), "the test needs `ulimit -Hn 3000`");
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[tokio::test]
async fn s14_a_thousand_idle_connections_keep_no_client_out() {
    raise_limit_of_the_test();
    let (server, directory) = serve_with_open_files("-n 1024");
    let mut idle = Vec::new();
    for _ in 0..1100 {
        idle.push(connect_from(&server, "127.0.0.1").await);
    }

    for client in ["127.0.0.1", "127.0.0.2"] {
        assert!(is_served(&mut connect_from(&server, client).await), "{client}");
    }

    // Several clients together have more connections than the server can have.
    for client in ["127.0.0.3", "127.0.0.4", "127.0.0.5"] {
        for _ in 0..400 {
            idle.push(connect_from(&server, client).await);
        }
    }
    for client in ["127.0.0.1", "127.0.0.2", "127.0.0.3"] {
        assert!(is_served(&mut connect_from(&server, client).await), "{client}");
    }
    let warnings = warnings(&directory);
    let (at_start, later): (Vec<_>, Vec<_>) =
        warnings.iter().partition(|line| line.contains("the limit of open files allows 896 connections"));
    assert_eq!((at_start.len(), later.len()), (1, 1), "{warnings:#?}");
}

#[test]
fn s14_the_soft_limit_of_open_files_is_raised_to_the_hard_limit() {
    let (server, _directory) = serve_with_open_files("-Sn 256");

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();

    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard]: [&str; 2] = line.split_whitespace().skip(3).take(2).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(soft, hard);
}

#[tokio::test]
async fn s14_at_the_limit_the_longest_idle_connection_gives_way() {
    let (server, _directory) = serve(&["--max-connections", "2", "--max-connections-per-client", "2"]);
    let (mut first, mut second) = (connect_from(&server, "127.0.0.1").await, connect_from(&server, "127.0.0.1").await);
    assert!(is_served(&mut first) && is_served(&mut second) && is_served(&mut first));

    let mut third = connect_from(&server, "127.0.0.2").await;

    assert!(is_served(&mut third));
    assert_closed(&mut second);
    assert!(is_served(&mut first));
}

#[tokio::test]
async fn s14_a_connection_that_waits_for_the_rest_of_a_request_gives_way() {
    let (server, _directory) = serve(&["--max-connections", "3", "--max-connections-per-client", "3"]);
    let mut slow = Vec::new();
    for _ in 0..3 {
        slow.push(connect_from(&server, "127.0.0.1").await);
    }
    slow[1].write_all(b"POST /token HTTP/1.1\r\nhost: x\r\n").unwrap();
    let head = "POST /token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 9\r\nexpect: 100-continue\r\n\r\n";
    slow[2].write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    slow[2].read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    slow[2].write_all(b"x").unwrap();

    let mut clients = Vec::new();
    for client in ["127.0.0.2", "127.0.0.3", "127.0.0.4"] {
        clients.push(connect_from(&server, client).await);
        assert!(clients.iter_mut().all(is_served));
    }

    slow.iter_mut().for_each(assert_closed);
}

#[tokio::test]
async fn s14_a_client_above_its_limit_takes_connections_from_itself() {
    let (server, _directory) = serve(&["--max-connections", "9", "--max-connections-per-client", "2"]);
    let mut other = connect_from(&server, "127.0.0.2").await;
    assert!(is_served(&mut other));
    let (mut first, mut second) = (connect_from(&server, "127.0.0.1").await, connect_from(&server, "127.0.0.1").await);
    assert!(is_served(&mut first) && is_served(&mut second));

    let mut third = connect_from(&server, "127.0.0.1").await;

    assert!(is_served(&mut third) && is_served(&mut second) && is_served(&mut other));
    assert_closed(&mut first);
}

#[tokio::test]
async fn s14_a_trusted_proxy_has_no_limit_of_its_own() {
    let (server, _directory) = serve(&["--max-connections-per-client", "1", "--trusted-proxy", "127.0.0.1"]);
    let mut connections = Vec::new();
    for _ in 0..5 {
        connections.push(connect_from(&server, "127.0.0.1").await);
    }

    assert!(connections.iter_mut().all(is_served));
}
