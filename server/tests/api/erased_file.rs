//! The bytes of the SQLite file after the erasure of a member.

use std::fs::{read, read_dir};

use serde_json::json;

use crate::support::membership::{EMAIL, PASSWORD, credentials, uuid_of};
use crate::support::{Server, authorized, with_header};
use guestpass_server::StoreLocation;

const NOTE: &str = "likes-sourdough-and-dark-rye";

#[tokio::test]
async fn the_sqlite_file_keeps_no_personal_data_of_an_erased_member() {
    let server = Server::open().await;
    let mut members = Vec::new();
    for email in [EMAIL, "grace@example.com"] {
        let guest = server.anonymous_login().await;
        let registration = authorized("POST", "/register", &guest.refresh, Some(credentials(email, PASSWORD)));
        let registration = with_header(registration, "idempotency-key", uuid_of(&guest.id));
        members.push(server.send(registration).await.tokens());
    }
    let member = &members[0];
    let preferences = server.call("PUT", "/me/preferences/note", &member.access, json!(NOTE)).await;
    assert_eq!(preferences.status, 201);
    let hash = server.database().text(&format!("SELECT password_hash FROM account WHERE email = '{EMAIL}'"));
    let traces = [EMAIL, NOTE, &hash, uuid_of(&member.id)];
    assert_eq!(traces_in_file(&server, &traces), traces, "the search finds texts that are present");

    assert_eq!(server.send(authorized("DELETE", "/me", &member.refresh, None)).await.status, 204);
    server.close().await;

    assert_eq!(traces_in_file(&server, &traces), [""; 0]);
    assert_eq!(traces_in_file(&server, &["grace@example.com"]).len(), 1);
}

/// The texts among `traces` that occur in any file of the database's directory.
fn traces_in_file<'a>(server: &Server, traces: &[&'a str]) -> Vec<&'a str> {
    let StoreLocation::Sqlite(database) = server.location() else { panic!("this test is for SQLite only") };
    let files = read_dir(database.parent().unwrap()).unwrap().map(|file| read(file.unwrap().path()).unwrap());
    let files: Vec<_> = files.collect();
    let contains = |file: &Vec<u8>, trace: &str| file.windows(trace.len()).any(|bytes| bytes == trace.as_bytes());
    traces.iter().copied().filter(|trace| files.iter().any(|file| contains(file, trace))).collect()
}
