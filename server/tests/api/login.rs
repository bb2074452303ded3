//! `POST /login` with a password: the guest, with all data and sessions, is merged into an account

use axum::http::StatusCode;
use serde_json::json;

use crate::support::membership::{
    EMAIL, PASSWORD, add_to_cart, cart, credentials, login, new_member, register, user_id, uuid_of,
};
use crate::support::{
    DAY, MINUTE, Response, SECOND, Server, anonymous_login, authorized, claims_of, from_peer, with_header,
};

const WRONG: &str = "wrong horse battery staple";

#[tokio::test]
async fn s08_a_login_merges_the_data_of_the_guest_into_the_account() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    add_to_cart(&server, &account.access, 1, 2).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    add_to_cart(&server, &guest.access, 2, 1).await;

    server.send(login(&guest.access)).await.assert_member(&user_id(&account.id), "logged_in", true);

    let next = server.refresh(&guest.refresh).await.tokens();
    assert_eq!(next.id, user_id(&account.id));
    assert_eq!(claims_of(&next.access)["sub"], user_id(&account.id));
    assert_eq!(claims_of(&next.access)["sid"], claims_of(&guest.access)["sid"]);
    for access in [&account.access, &guest.access, &next.access] {
        assert_eq!(cart(&server, access).await, [(1, 5), (2, 1)]);
        assert_eq!(server.get("/me", access).await.json()["id"], user_id(&account.id));
    }
}

#[tokio::test]
async fn s08_a_repeated_login_merges_nothing_twice() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let first = server.send(login(&guest.access)).await;

    let mut responses = server.send_concurrently(5, || login(&guest.access)).await;
    responses.push(server.send(login(&guest.access)).await);

    for response in responses {
        assert_eq!((response.status, response.json()), (StatusCode::OK, first.json()));
    }
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
    let next = server.refresh(&guest.refresh).await.tokens();
    server.send(login(&next.access)).await.assert_member(&user_id(&account.id), "logged_in", false);
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s08_writes_with_a_token_of_a_merged_guest_go_to_the_account() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    server.send(login(&guest.access)).await;

    add_to_cart(&server, &guest.access, 3, 4).await;

    assert_eq!(cart(&server, &account.access).await, [(3, 4)]);
    // The merge is known from the store alone, as on a node that has not yet been notified of it.
    server.database().execute("DELETE FROM cart_item");
    let server = server.restart().await;
    add_to_cart(&server, &guest.access, 3, 1).await;
    assert_eq!(cart(&server, &account.access).await, [(3, 1)]);
    let rows = server.number(&format!("SELECT count(*) FROM cart_item WHERE user_id = '{}'", uuid_of(&guest.id)));
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn s08_concurrent_writes_and_logins_lose_nothing() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;

    let requests: std::sync::Mutex<Vec<_>> = std::sync::Mutex::new(
        (0..20)
            .map(|number| match number % 10 {
                5 => login(&guest.access),
                _ => authorized("POST", "/me/cart", &guest.access, Some(json!({ "item_id": 1, "quantity": 1 }))),
            })
            .collect(),
    );
    for response in server.send_concurrently(20, || requests.lock().unwrap().pop().unwrap()).await {
        assert_eq!(response.status, StatusCode::OK, "{response:?}");
    }

    assert_eq!(cart(&server, &account.access).await, [(1, 18)]);
}

#[tokio::test]
async fn s08_all_sessions_of_the_guest_move_to_the_account() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    // A second session of the guest, on another device.
    let device = server.anonymous_login().await;
    server.database().execute(&format!(
        "UPDATE session SET user_id = '{}' WHERE user_id = '{}'",
        uuid_of(&guest.id),
        uuid_of(&device.id)
    ));

    server.send(login(&guest.access)).await;

    assert_eq!(server.refresh(&device.refresh).await.tokens().id, user_id(&account.id));
    let sessions = server.get("/me/sessions", &account.access).await.json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 3);
    // A session of the account can be ended from another session of it.
    let session = claims_of(&guest.access)["sid"].as_str().unwrap().to_owned();
    let ended = server.send(authorized("DELETE", &format!("/me/sessions/{session}"), &account.access, None)).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(!server.accepts(&guest.access).await);
    assert!(server.accepts(&account.access).await);
}

#[tokio::test]
async fn s08_an_anonymous_login_that_is_retried_after_a_merge_returns_the_account() {
    const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";
    let server = Server::open().await;
    let account = new_member(&server).await;
    let first = server.send(anonymous_login(Some(json!({ "refresh": true })), Some(KEY))).await.tokens();
    server.send(login(&first.access)).await;

    let again = server.send(anonymous_login(Some(json!({ "refresh": true })), Some(KEY))).await.tokens();

    assert_eq!(again.id, user_id(&account.id));
    assert_eq!(again.refresh, first.refresh);
}

#[tokio::test]
async fn c18_wrong_credentials_change_nothing_and_do_not_reveal_whether_the_account_exists() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 2).await;
    let call = async |body| server.call("POST", "/login", &guest.access, body).await;

    let wrong = call(credentials(EMAIL, WRONG)).await;
    let unknown = call(credentials("eve@example.com", PASSWORD)).await;

    wrong.assert_refused(403, "invalid_credentials");
    assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body));
    call(credentials("ada", PASSWORD)).await.assert_refused(422, "invalid_email");
    call(json!({ "email": EMAIL })).await.assert_problem(422);
    assert_eq!(cart(&server, &guest.access).await, [(1, 2)]);
    assert_eq!(cart(&server, &account.access).await, []);
    assert_eq!(server.refresh(&guest.refresh).await.tokens().id, guest.id);
}

/// Logs in to the account of `EMAIL` from the address `peer`.
async fn login_from(server: &Server, peer: &str, access_token: &str, password: &str) -> Response {
    let body = credentials(EMAIL, password);
    server.send(from_peer(peer, authorized("POST", "/login", access_token, Some(body)))).await
}

#[tokio::test]
async fn password_attempts_for_one_account_from_one_network_are_limited() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let call = async |email: &str| server.call("POST", "/login", &tokens.access, credentials(email, WRONG)).await;
    for _ in 0..10 {
        call(EMAIL).await.assert_refused(403, "invalid_credentials");
    }

    let refused = call("ADA@example.com").await;

    refused.assert_problem(429);
    assert_eq!(refused.json()["violated-policies"], json!(["account"]));
    assert_eq!(refused.header("ratelimit-policy"), "\"account\";q=10;w=900");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=90).contains(&wait), "{wait}");
    call("eve@example.com").await.assert_refused(403, "invalid_credentials");
    server.clock.advance(2 * MINUTE);
    call(EMAIL).await.assert_refused(403, "invalid_credentials");
}

#[tokio::test]
async fn s10_failed_attempts_from_one_network_do_not_lock_out_the_member() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let (attacker, owner) = (server.anonymous_login().await, server.anonymous_login().await);
    for _ in 0..10 {
        login_from(&server, "198.51.100.1", &attacker.access, WRONG).await.assert_refused(403, "invalid_credentials");
    }
    login_from(&server, "198.51.100.1", &attacker.access, PASSWORD).await.assert_problem(429);

    let response = login_from(&server, "203.0.113.7", &owner.access, PASSWORD).await;

    response.assert_member(&user_id(&account.id), "logged_in", true);
}

#[tokio::test]
async fn s10_password_attempts_from_all_networks_together_are_limited() {
    let server = Server::open_with(|config| config.password_rate = "1/15m".parse().unwrap()).await;
    new_member(&server).await;
    let guest = server.anonymous_login().await;
    let attempt =
        async |network: usize| login_from(&server, &format!("198.51.100.{network}"), &guest.access, WRONG).await;
    for network in 0..10 {
        attempt(network).await.assert_refused(403, "invalid_credentials");
        // This attempt is over the limit of its network, and does not count toward the total limit.
        let refused = attempt(network).await;
        refused.assert_problem(429);
        assert_eq!(refused.json()["violated-policies"], json!(["account"]));
    }

    let refused = attempt(10).await;

    refused.assert_problem(429);
    assert_eq!(refused.json()["violated-policies"], json!(["account-total"]));
    assert_eq!(refused.header("ratelimit-policy"), "\"account\";q=1;w=900, \"account-total\";q=10;w=900");
    assert_eq!(refused.header("retry-after"), "90");
    server.clock.advance(90 * SECOND);
    attempt(11).await.assert_refused(403, "invalid_credentials");
    attempt(12).await.assert_problem(429);
}

#[tokio::test]
async fn c18_a_member_cannot_log_in_to_another_account() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let other = server.anonymous_login().await;
    let body = credentials("eve@example.com", PASSWORD);
    server.call("POST", "/register", &other.access, body.clone()).await.assert_member(
        &user_id(&other.id),
        "registered",
        false,
    );
    add_to_cart(&server, &other.access, 1, 2).await;

    server.send(login(&other.access)).await.assert_refused(409, "already_member");

    assert_eq!(cart(&server, &other.access).await, [(1, 2)]);
    assert_eq!(cart(&server, &account.access).await, []);
    // A guest who has been merged into an account cannot log in to another one either.
    let guest = server.anonymous_login().await;
    server.send(login(&guest.access)).await;
    server.call("POST", "/login", &guest.access, body).await.assert_refused(409, "already_member");
    let third = credentials("third@example.com", PASSWORD);
    server.call("POST", "/register", &guest.access, third).await.assert_refused(409, "already_member");
}

#[tokio::test]
async fn c18_of_a_concurrent_registration_and_login_of_one_guest_one_succeeds() {
    for _ in 0..4 {
        let server = Server::open().await;
        let account = new_member(&server).await;
        let guest = server.anonymous_login().await;
        add_to_cart(&server, &guest.access, 1, 2).await;
        let new = authorized("POST", "/register", &guest.access, Some(credentials("eve@example.com", PASSWORD)));

        let (registered, logged_in) = tokio::join!(server.send(new), server.send(login(&guest.access)));

        let (refused, owner) = match (registered.status, logged_in.status) {
            (StatusCode::OK, StatusCode::CONFLICT) => (logged_in, &guest),
            (StatusCode::CONFLICT, StatusCode::OK) => (registered, &account),
            _ => panic!("{registered:?} {logged_in:?}"),
        };
        refused.assert_refused(409, "already_member");
        assert_eq!(cart(&server, &guest.access).await, [(1, 2)]);
        assert_eq!(server.get("/me", &guest.access).await.json()["id"], user_id(&owner.id));
    }
}

#[tokio::test]
async fn s04_a_login_from_a_revoked_session_is_refused() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 2).await;
    // A revocation by another node, of which this node has not yet been notified.
    server.database().execute(&format!("UPDATE session SET revoked_at = 1 WHERE user_id = '{}'", uuid_of(&guest.id)));

    server.send(login(&guest.access)).await.assert_problem(401);

    assert_eq!(cart(&server, &account.access).await, []);
}

#[tokio::test]
async fn s04_concurrent_refreshes_and_logins_create_one_successor() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;

    let requests = std::sync::Mutex::new(
        (0..12)
            .map(|number| match number % 4 {
                1 => login(&guest.access),
                _ => crate::support::refresh(&guest.refresh),
            })
            .collect::<Vec<_>>(),
    );
    let responses = server.send_concurrently(12, || requests.lock().unwrap().pop().unwrap()).await;

    let mut successors: Vec<_> = responses
        .iter()
        .inspect(|response| assert_eq!(response.status, StatusCode::OK, "{response:?}"))
        .filter_map(|response| Some(response.json()["refresh_token"].as_str()?.to_owned()))
        .collect();
    successors.dedup();
    assert_eq!(successors.len(), 1, "{responses:?}");
    assert_eq!(server.refresh(&successors[0]).await.tokens().id, user_id(&account.id));
}

#[tokio::test]
async fn s07_a_merged_guest_is_deleted_after_its_last_access_token_has_expired() {
    let server = Server::open_with(|config| config.guest_retention = SECOND).await;
    new_member(&server).await;
    let guest = server.anonymous_login().await;
    server.send(login(&guest.access)).await;
    let merged_guests = || server.number("SELECT count(*) FROM anonymous_user WHERE merged_into IS NOT NULL");

    server.clock.advance(15 * MINUTE - SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(merged_guests(), 1);
    server.clock.advance(2 * SECOND);
    server.guestpass().sweep().await.unwrap();

    assert_eq!(merged_guests(), 0);
    assert!(server.refresh(&guest.refresh).await.status.is_success());
}

#[tokio::test]
async fn s08_an_addition_that_is_retried_after_the_merge_adds_nothing() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    let add = || {
        let request = authorized("POST", "/me/cart", &guest.access, Some(json!({ "item_id": 1, "quantity": 3 })));
        with_header(request, "idempotency-key", "k_-GqFbKvQ0r8pWm2ZtYxA")
    };
    assert_eq!(server.send(add()).await.status, StatusCode::OK);
    server.send(login(&guest.access)).await;

    assert_eq!(server.send(add()).await.status, StatusCode::OK);

    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s04_erasing_an_account_deletes_its_merged_guests_and_all_sessions() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    server.send(login(&guest.access)).await;
    let refreshed = server.refresh(&guest.refresh).await.tokens();

    // The token still names the guest, who has been merged into the account.
    let erased = server.send(authorized("DELETE", "/me", &guest.access, None)).await;

    assert_eq!(erased.status, StatusCode::NO_CONTENT);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
    assert_eq!(server.number("SELECT count(*) FROM account"), 0);
    for token in [&account.access, &guest.access, &refreshed.access] {
        server.get("/me", token).await.assert_problem(401);
    }
    let other = server.anonymous_login().await;
    server.send(login(&other.access)).await.assert_refused(403, "invalid_credentials");
}

#[tokio::test]
async fn s04_after_a_concurrent_login_and_erasure_the_guest_is_unchanged_or_erased() {
    for _ in 0..4 {
        let server = Server::open().await;
        let account = new_member(&server).await;
        let guest = server.anonymous_login().await;
        add_to_cart(&server, &guest.access, 1, 2).await;

        let (logged_in, erased) = tokio::join!(
            server.send(login(&guest.access)),
            server.send(authorized("DELETE", "/me", &account.access, None))
        );

        assert_eq!(erased.status, StatusCode::NO_CONTENT);
        match logged_in.status.as_u16() {
            200 => assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0),
            403 => assert_eq!(cart(&server, &guest.access).await, [(1, 2)]),
            _ => panic!("{logged_in:?}"),
        }
    }
}

#[tokio::test]
async fn a_merge_survives_a_restart() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    server.send(login(&guest.access)).await;

    let server = server.restart().await;

    assert_eq!(server.get("/me", &guest.access).await.json()["id"], user_id(&account.id));
    server.clock.advance(DAY);
    assert_eq!(server.refresh(&guest.refresh).await.tokens().id, user_id(&account.id));
}

#[tokio::test]
async fn a_guest_with_a_long_lived_token_can_register() {
    let server = Server::open().await;
    let simple = server.send(anonymous_login(None, None)).await.json();
    let (access, id) = (simple["access_token"].as_str().unwrap(), simple["anonymous_id"].as_str().unwrap());

    server.send(register(access)).await.assert_member(&user_id(id), "registered", false);

    assert_eq!(server.get("/me", access).await.json()["kind"], "user");
}
