//! Passwords and e-mail addresses that a member types on several devices

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::guest::Guest;
use crate::support::process::{Process, guestpass, run};

/// In the composed form that most keyboards send, and in the decomposed form (NFD).
const PASSWORD: [&str; 2] = ["crème brûlée à Zürich", "cre\u{300}me bru\u{302}le\u{301}e a\u{300} Zu\u{308}rich"];
const ADDRESSES: [&str; 5] = [
    "ada@exämple.com",
    "ada@xn--exmple-cua.com",
    "Ada@EXA\u{308}MPLE.com",
    "ada@ｅｘämple.com",
    "ADA@XN--EXMPLE-CUA.COM",
];

async fn send(server: &Process, path: &str, email: &str, password: &str) -> (StatusCode, Value) {
    let guest = Guest::log_in(server).await;
    let request = server.http.post(format!("{}{path}", server.url)).bearer_auth(&guest.refresh);
    let body = json!({ "email": email, "password": password }).to_string();
    let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn a_member_gets_in_from_each_device_and_has_one_account() {
    let database = Database::new();
    let server = Process::start_on(&database.store());
    let (status, member) = send(&server, "/register", ADDRESSES[0], PASSWORD[0]).await;
    assert_eq!((status, &member["email"]), (StatusCode::OK, &json!("ada@exämple.com")), "{member}");

    for (address, password) in ADDRESSES.iter().zip(PASSWORD.iter().cycle()) {
        let (status, signed_in) = send(&server, "/login", address, password).await;
        assert_eq!((status, &signed_in["id"]), (StatusCode::OK, &member["id"]), "{address}: {signed_in}");
        let (status, refused) = send(&server, "/register", address, password).await;
        assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("email_taken")), "{address}");
    }
    let (status, _) = send(&server, "/login", ADDRESSES[0], "creme brulee a Zurich").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

/// Older versions stored an address as it was typed.
#[tokio::test]
async fn an_account_with_another_spelling_of_its_address_is_the_same_account() {
    let database = Database::new();
    let server = Process::start_on(&database.store());
    let (_, member) = send(&server, "/register", ADDRESSES[0], PASSWORD[0]).await;
    let user = member["id"].as_str().unwrap();
    for stored in ["ada@xn--exmple-cua.com", "ada@exa\u{308}mple.com"] {
        database.execute(&format!("UPDATE account SET email = '{stored}'"));

        for (address, password) in [(ADDRESSES[0], PASSWORD[1]), (ADDRESSES[1], PASSWORD[0])] {
            let (status, signed_in) = send(&server, "/login", address, password).await;
            assert_eq!((status, &signed_in["id"]), (StatusCode::OK, &member["id"]), "{stored}, {address}: {signed_in}");
            let (status, _) = send(&server, "/register", address, password).await;
            assert_eq!(status, StatusCode::CONFLICT, "{stored}, {address}");
            let shown = run(guestpass().args(["users", "show", address]).env("GUESTPASS_STORE", database.store()));
            let text = String::from_utf8(shown.stdout).unwrap();
            assert!(text.contains(user), "{stored}, {address}: {text}");
        }
    }
}

#[tokio::test]
async fn a_password_with_a_control_character_is_refused_with_a_code() {
    let database = Database::new();
    let server = Process::start_on(&database.store());

    let (status, refused) = send(&server, "/register", ADDRESSES[0], "my cat is a \tby").await;

    assert_eq!((status, &refused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("password_not_allowed")));
}
