//! Registration and login with passkeys, with a software authenticator (1Password's crate `passkey`)

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::membership::{EMAIL, PASSWORD, add_to_cart, cart, credentials, new_member, user_id, uuid_of};
use crate::support::{MINUTE, Response, SECOND, Server, Tokens};

/// Requests the options for a passkey; returns the challenge's ID and the `publicKey` member.
async fn options(server: &Server, path: &str, tokens: &Tokens, body: Value) -> (Value, Value) {
    let response = server.call("POST", path, &tokens.refresh, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let json = response.json();
    (json["challenge_id"].clone(), json["publicKey"].clone())
}

fn passkey(challenge: &Value, credential: &Value) -> Value {
    json!({ "challenge_id": challenge, "credential": credential })
}

/// Registers with a new passkey; returns the body of the request and the response.
async fn register(server: &Server, browser: &mut Browser, tokens: &Tokens) -> (Value, Response) {
    let (challenge, public_key) = options(server, "/register/options", tokens, json!({ "email": EMAIL })).await;
    let credential = browser.create(public_key).await;
    let body = json!({ "email": EMAIL, "passkey": passkey(&challenge, &credential) });
    let response = server.call("POST", "/register", &tokens.refresh, body.clone()).await;
    (body, response)
}

/// Logs in with the stored passkey; returns the body of the request and the response.
async fn login(server: &Server, browser: &mut Browser, tokens: &Tokens) -> (Value, Response) {
    let (challenge, public_key) = options(server, "/login/options", tokens, json!({})).await;
    let credential = browser.get(public_key).await;
    let body = json!({ "passkey": passkey(&challenge, &credential) });
    let response = server.call("POST", "/login", &tokens.refresh, body.clone()).await;
    (body, response)
}

#[tokio::test]
async fn s08_a_guest_registers_and_logs_in_with_a_passkey() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    add_to_cart(&server, &account.access, 1, 2).await;

    let (_, response) = register(&server, &mut browser, &account).await;

    let account = response.assert_member(&user_id(&account.id), "registered", false);
    assert_eq!(response.json()["email"], EMAIL);
    assert_eq!(server.get("/me", &account.access).await.json()["passkeys"], 1);
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let (_, response) = login(&server, &mut browser, &guest).await;
    let member = response.assert_member(&account.id, "logged_in", true);
    assert_eq!(cart(&server, &member.access).await, [(1, 5)]);
    assert_eq!(server.refresh(&member.refresh).await.tokens().id, account.id);
    assert_eq!(server.number("SELECT count(*) FROM ceremony"), 0);
}

#[tokio::test]
async fn c18_a_response_to_a_challenge_is_accepted_once() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    let (body, response) = register(&server, &mut browser, &account).await;
    let account = response.tokens();
    server.call("POST", "/register", &account.refresh, body).await.assert_refused(422, "challenge_expired");

    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let (body, response) = login(&server, &mut browser, &guest).await;
    let member = response.tokens();
    server.call("POST", "/login", &member.refresh, body).await.assert_refused(422, "challenge_expired");

    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

/// The signature counter of the stored passkey.
fn stored_counter(server: &Server) -> u64 {
    let data: Value = serde_json::from_str(&server.database().text("SELECT data FROM passkey")).unwrap();
    data["cred"]["counter"].as_u64().unwrap()
}

#[tokio::test]
async fn c18_a_login_of_a_member_uses_up_its_challenge_and_stores_the_counter() {
    let server = Server::open().await;
    let mut browser = Browser::counting();
    let account = server.anonymous_login().await;
    let account = register(&server, &mut browser, &account).await.1.tokens();
    let registered = stored_counter(&server);

    let (body, response) = login(&server, &mut browser, &account).await;

    let account = response.assert_member(&account.id, "logged_in", false);
    assert!(stored_counter(&server) > registered);
    assert_eq!(server.number("SELECT count(*) FROM ceremony"), 0);
    server.call("POST", "/login", &account.refresh, body).await.assert_refused(422, "challenge_expired");
    // A member of another account uses up the challenge, too.
    let other = server.anonymous_login().await;
    let eve = credentials("eve@example.com", PASSWORD);
    let other = server.call("POST", "/register", &other.refresh, eve).await.tokens();
    let counter = stored_counter(&server);
    let (body, response) = login(&server, &mut browser, &other).await;
    response.assert_refused(409, "already_member");
    assert!(stored_counter(&server) > counter);
    server.call("POST", "/login", &other.refresh, body).await.assert_refused(422, "challenge_expired");
}

#[tokio::test]
async fn c18_a_member_cannot_register_and_the_challenge_is_consumed() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    let (challenge, public_key) = options(&server, "/register/options", &account, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.create(public_key).await) });
    let account = server.send(crate::support::membership::register(&account.refresh)).await.tokens();

    server.call("POST", "/register", &account.refresh, body.clone()).await.assert_refused(409, "already_member");
    server.call("POST", "/register", &account.refresh, body).await.assert_refused(422, "challenge_expired");
}

#[tokio::test]
async fn c18_a_copied_passkey_is_refused_when_its_counter_is_behind() {
    let server = Server::open().await;
    let mut browser = Browser::counting();
    let account = server.anonymous_login().await;
    let account = register(&server, &mut browser, &account).await.1.tokens();
    let mut copy = browser.clone();
    login(&server, &mut browser, &account).await.1.assert_member(&user_id(&account.id), "logged_in", false);

    let guest = server.anonymous_login().await;
    login(&server, &mut copy, &guest).await.1.assert_refused(422, "invalid_passkey");

    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
    login(&server, &mut browser, &guest).await.1.assert_member(&user_id(&account.id), "logged_in", true);
}

#[tokio::test]
async fn c18_of_concurrent_logins_with_one_counter_one_is_accepted() {
    let server = Server::open().await;
    let mut browser = Browser::counting();
    let account = server.anonymous_login().await;
    register(&server, &mut browser, &account).await;
    let mut requests = Vec::new();
    for _ in 0..4 {
        let guest = server.anonymous_login().await;
        let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
        let credential = browser.clone().get(public_key).await;
        let body = json!({ "passkey": passkey(&challenge, &credential) });
        requests.push(crate::support::authorized("POST", "/login", &guest.refresh, Some(body)));
    }

    let requests = std::sync::Mutex::new(requests);
    let responses = server.send_concurrently(4, || requests.lock().unwrap().pop().unwrap()).await;

    let (accepted, refused): (Vec<_>, Vec<_>) = responses.into_iter().partition(|response| response.status == 200);
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    for response in refused {
        response.assert_refused(422, "invalid_passkey");
    }
}

#[tokio::test]
async fn s08_concurrent_requests_with_one_credential_create_one_account_and_one_merge() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    let (challenge, public_key) = options(&server, "/register/options", &account, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.create(public_key).await) });
    let request = |path: &'static str, token: &str, body: &Value| {
        crate::support::authorized("POST", path, token, Some(body.clone()))
    };
    let responses = server.send_concurrently(6, || request("/register", &account.refresh, &body)).await;
    let response = the_accepted(responses);
    let account = response.assert_member(&user_id(&account.id), "registered", false);
    assert_eq!(response.json()["email"], Value::Null);

    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.get(public_key).await) });
    let responses = server.send_concurrently(6, || request("/login", &guest.refresh, &body)).await;
    the_accepted(responses).assert_member(&user_id(&account.id), "logged_in", true);

    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

/// The only response with the status 200. The others are errors of the client.
fn the_accepted(responses: Vec<Response>) -> Response {
    let (mut accepted, refused): (Vec<_>, Vec<_>) = responses.into_iter().partition(|response| response.status == 200);
    assert!(refused.iter().all(|response| response.status.is_client_error()), "{refused:?}");
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    accepted.remove(0)
}

#[tokio::test]
async fn c18_a_credential_is_valid_only_for_the_caller_that_received_the_challenge() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let (account, guest) = (server.anonymous_login().await, server.anonymous_login().await);
    let (body, _) = register(&server, &mut browser, &account).await;

    // Another guest, with the credential of the first caller.
    server.call("POST", "/register", &guest.refresh, body).await.assert_refused(422, "challenge_expired");
    let other = server.anonymous_login().await;
    let (body, response) = login(&server, &mut browser, &other).await;
    response.assert_member(&user_id(&account.id), "logged_in", true);
    server.call("POST", "/login", &guest.refresh, body).await.assert_refused(422, "challenge_expired");

    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
}

#[tokio::test]
async fn c18_a_challenge_is_valid_for_five_minutes() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let tokens = server.anonymous_login().await;
    let (challenge, public_key) = options(&server, "/register/options", &tokens, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.create(public_key).await) });

    server.clock.advance(5 * MINUTE);

    server.call("POST", "/register", &tokens.refresh, body.clone()).await.assert_refused(422, "challenge_expired");
    server.clock.set_back(SECOND);
    server.call("POST", "/register", &tokens.refresh, body).await.assert_member(
        &user_id(&tokens.id),
        "registered",
        false,
    );
    let guest = server.anonymous_login().await;
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.get(public_key).await) });
    server.clock.advance(5 * MINUTE);
    server.call("POST", "/login", &guest.refresh, body).await.assert_refused(422, "challenge_expired");
}

#[tokio::test]
async fn c18_a_credential_of_another_origin_is_refused_and_its_challenge_is_consumed() {
    let server = Server::open_with(|config| {
        config.issuer = "https://api.shop.example".to_owned();
        config.passkey_domain = Some("shop.example".to_owned());
        config.passkey_origins = vec!["https://www.shop.example".parse().unwrap()];
    })
    .await;
    let tokens = server.anonymous_login().await;
    let mut other_origin = Browser::on("https://evil.shop.example");
    let (challenge, public_key) = options(&server, "/register/options", &tokens, json!({})).await;
    assert_eq!(public_key["rp"]["id"], "shop.example");
    let body = json!({ "passkey": passkey(&challenge, &other_origin.create(public_key).await) });

    server.call("POST", "/register", &tokens.refresh, body.clone()).await.assert_refused(422, "invalid_passkey");
    server.call("POST", "/register", &tokens.refresh, body).await.assert_refused(422, "challenge_expired");

    let mut page = Browser::on("https://www.shop.example");
    let (_, response) = register(&server, &mut page, &tokens).await;
    response.assert_member(&user_id(&tokens.id), "registered", false);
}

#[tokio::test]
async fn c18_modified_and_unknown_credentials_are_refused() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    register(&server, &mut browser, &account).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;

    // An invalid signature.
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let mut credential = browser.get(public_key).await;
    let signature = credential["response"]["signature"].as_str().unwrap().to_owned();
    credential["response"]["signature"] = format!("{}AAAA", &signature[..signature.len() - 4]).into();
    let body = json!({ "passkey": passkey(&challenge, &credential) });
    server.call("POST", "/login", &guest.refresh, body).await.assert_refused(422, "invalid_passkey");

    // A passkey with the user handle of another account.
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let mut credential = browser.get(public_key).await;
    credential["response"]["userHandle"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
    let body = json!({ "passkey": passkey(&challenge, &credential) });
    server.call("POST", "/login", &guest.refresh, body).await.assert_refused(422, "invalid_passkey");

    // A passkey of a deleted account.
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.get(public_key).await) });
    server.database().execute(&format!("DELETE FROM anonymous_user WHERE id = '{}'", uuid_of(&account.id)));
    server.call("POST", "/login", &guest.refresh, body).await.assert_refused(403, "invalid_credentials");

    for body in [json!({ "passkey": passkey(&json!("x"), &json!({})) }), json!({ "passkey": {} })] {
        server.call("POST", "/login", &guest.refresh, body).await.assert_problem(422);
    }
    let empty_credential = json!({ "passkey": passkey(&challenge, &json!({})) });
    for path in ["/login", "/register"] {
        server
            .call("POST", path, &guest.refresh, empty_credential.clone())
            .await
            .assert_refused(422, "invalid_passkey");
    }
    assert_eq!(cart(&server, &guest.access).await, [(1, 3)]);
    assert_eq!(server.get("/me", &guest.access).await.json()["id"], guest.id);
}

#[tokio::test]
async fn c18_a_passkey_of_an_erased_account_is_refused() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    let account = register(&server, &mut browser, &account).await.1.tokens();
    assert_eq!(server.send(crate::support::authorized("DELETE", "/me", &account.refresh, None)).await.status, 204);
    let guest = server.anonymous_login().await;

    let (body, response) = login(&server, &mut browser, &guest).await;

    response.assert_refused(403, "invalid_credentials");
    server.call("POST", "/login", &guest.refresh, body).await.assert_refused(422, "challenge_expired");
    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
}

#[tokio::test]
async fn c18_a_registration_challenge_cannot_be_used_to_log_in() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    register(&server, &mut browser, &account).await;
    let guest = server.anonymous_login().await;
    let (challenge, _) = options(&server, "/register/options", &guest, json!({})).await;
    let (_, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.get(public_key).await) });

    server.call("POST", "/login", &guest.refresh, body).await.assert_refused(422, "challenge_expired");
}

#[tokio::test]
async fn c18_a_login_challenge_cannot_be_used_to_register() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    let (challenge, _) = options(&server, "/login/options", &account, json!({})).await;
    let (_, public_key) = options(&server, "/register/options", &account, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.create(public_key).await) });

    server.call("POST", "/register", &account.refresh, body).await.assert_refused(422, "challenge_expired");
}

#[tokio::test]
async fn a_taken_email_address_is_refused_before_a_passkey_is_created() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    let call = async |tokens: &Tokens, body| server.call("POST", "/register/options", &tokens.refresh, body).await;

    call(&guest, json!({ "email": EMAIL })).await.assert_refused(409, "email_taken");
    call(&guest, json!({ "email": "x" })).await.assert_refused(422, "invalid_email");
    call(&account, json!({})).await.assert_refused(409, "already_member");
}

#[tokio::test]
async fn every_password_is_refused_for_an_account_without_a_password() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.anonymous_login().await;
    register(&server, &mut browser, &account).await;
    let guest = server.anonymous_login().await;

    let response = server.call("POST", "/login", &guest.refresh, credentials(EMAIL, PASSWORD)).await;

    response.assert_refused(403, "invalid_credentials");
}

#[tokio::test]
async fn each_caller_has_at_most_five_challenges_and_expired_ones_are_swept() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let (oldest, _) = options(&server, "/login/options", &tokens, json!({})).await;
    for _ in 0..10 {
        server.clock.advance(SECOND);
        options(&server, "/login/options", &tokens, json!({})).await;
    }

    assert_eq!(server.number("SELECT count(*) FROM ceremony"), 5);
    let id = oldest.as_str().unwrap();
    assert_eq!(server.number(&format!("SELECT count(*) FROM ceremony WHERE id = '{id}'")), 0);
    server.clock.advance(5 * MINUTE + SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(server.number("SELECT count(*) FROM ceremony"), 0);
}

#[tokio::test]
async fn without_a_passkey_domain_the_options_get_passkeys_unavailable() {
    let server = Server::open_with(|config| config.issuer = "http://127.0.0.1:8000".to_owned()).await;
    let tokens = server.anonymous_login().await;

    for path in ["/register/options", "/login/options"] {
        server.call("POST", path, &tokens.refresh, json!({})).await.assert_refused(422, "passkeys_unavailable");
    }
}
