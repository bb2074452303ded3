//! `POST /login` with a password: the guest, with all data and sessions, is merged into an account

use axum::http::StatusCode;
use serde_json::json;

use crate::support::membership::{
    EMAIL, PASSWORD, add_to_cart, cart, credentials, login, new_member, user_id, uuid_of,
};
use crate::support::{DAY, MINUTE, Response, SECOND, Server, authorized, claims_of, from_peer, with_header};

const WRONG: &str = "wrong horse battery staple";

#[tokio::test]
async fn s08_a_login_merges_the_data_of_the_guest_into_the_account() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    add_to_cart(&server, &account.access, 1, 2).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    add_to_cart(&server, &guest.access, 2, 1).await;

    let member = server.send(login(&guest.refresh)).await.assert_member(&account.id, "logged_in", true);

    assert_eq!(claims_of(&member.access)["sub"], account.id);
    assert_ne!(claims_of(&member.access)["sid"], claims_of(&guest.access)["sid"]);
    let next = server.refresh(&member.refresh).await.tokens();
    assert_eq!(next.id, account.id);
    // The other session of the account continues.
    for access in [&account.access, &member.access, &next.access] {
        assert_eq!(cart(&server, access).await, [(1, 5), (2, 1)]);
        assert_eq!(server.get("/me", access).await.json()["id"], account.id);
    }
    assert_eq!(server.refresh(&account.refresh).await.tokens().id, account.id);
}

#[tokio::test]
async fn s08_concurrent_logins_of_one_guest_merge_once() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;

    let responses = server.send_concurrently(5, || login(&guest.refresh)).await;

    let (accepted, refused): (Vec<_>, Vec<_>) = responses.into_iter().partition(|response| response.status == 200);
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    for response in refused {
        response.assert_problem(401);
    }
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
    let member = accepted[0].assert_member(&account.id, "logged_in", true);
    let again = server.send(login(&member.refresh)).await.assert_member(&account.id, "logged_in", false);
    assert_eq!(cart(&server, &again.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s08_a_member_who_logs_in_again_gets_a_new_session_in_place_of_the_one_that_asked() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let other = server.anonymous_login().await;
    let other = server.send(login(&other.refresh)).await.tokens();

    let again = server.send(login(&account.refresh)).await.assert_member(&account.id, "logged_in", false);

    assert!(!server.accepts(&account.access).await);
    server.refresh(&account.refresh).await.assert_oauth_error("invalid_grant");
    assert!(server.accepts(&again.access).await && server.accepts(&other.access).await);
    assert_eq!(server.get("/me/sessions", &again.refresh).await.json()["sessions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn s08_concurrent_writes_and_logins_lose_nothing() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;

    let requests: std::sync::Mutex<Vec<_>> = std::sync::Mutex::new(
        (0..20)
            .map(|number| match number % 10 {
                5 => login(&guest.refresh),
                _ => authorized("POST", "/me/cart/1", &guest.access, Some(json!({ "add": { "quantity": 1 } }))),
            })
            .collect(),
    );
    let responses = server.send_concurrently(20, || requests.lock().unwrap().pop().unwrap()).await;

    // What was acknowledged is in the account. Later requests get 401, and the client repeats them with its new token.
    let added = responses.iter().filter(|response| response.json().get("quantity").is_some());
    let added = i64::try_from(added.count()).unwrap();
    for response in &responses {
        assert!([200, 201, 401].contains(&response.status.as_u16()), "{response:?}");
    }
    assert_eq!(responses.iter().filter(|response| response.json().get("merged").is_some()).count(), 1);
    let expected = if added == 0 { vec![] } else { vec![(1, added)] };
    assert_eq!(cart(&server, &account.access).await, expected);
}

#[tokio::test]
async fn c18_wrong_credentials_change_nothing_and_do_not_reveal_whether_the_account_exists() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 2).await;
    let call = async |body| server.call("POST", "/login", &guest.refresh, body).await;

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
async fn login_from(server: &Server, peer: &str, refresh_token: &str, password: &str) -> Response {
    let body = credentials(EMAIL, password);
    server.send(from_peer(peer, authorized("POST", "/login", refresh_token, Some(body)))).await
}

#[tokio::test]
async fn password_attempts_for_one_account_from_one_network_are_limited() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let call = async |email: &str| server.call("POST", "/login", &tokens.refresh, credentials(email, WRONG)).await;
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
        login_from(&server, "198.51.100.1", &attacker.refresh, WRONG).await.assert_refused(403, "invalid_credentials");
    }
    login_from(&server, "198.51.100.1", &attacker.refresh, PASSWORD).await.assert_problem(429);

    let response = login_from(&server, "203.0.113.7", &owner.refresh, PASSWORD).await;

    response.assert_member(&user_id(&account.id), "logged_in", true);
}

#[tokio::test]
async fn s10_password_attempts_from_all_networks_together_are_limited() {
    let server = Server::open_with(|config| config.password_rate = "1/15m".parse().unwrap()).await;
    new_member(&server).await;
    let guest = server.anonymous_login().await;
    let attempt =
        async |network: usize| login_from(&server, &format!("198.51.100.{network}"), &guest.refresh, WRONG).await;
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
    let other = server.call("POST", "/register", &other.refresh, body.clone()).await.tokens();
    add_to_cart(&server, &other.access, 1, 2).await;

    server.send(login(&other.refresh)).await.assert_refused(409, "already_member");

    assert_eq!(cart(&server, &other.access).await, [(1, 2)]);
    assert_eq!(cart(&server, &account.access).await, []);
    // A guest who has been merged into an account cannot log in to another one either.
    let guest = server.anonymous_login().await;
    let member = server.send(login(&guest.refresh)).await.tokens();
    server.call("POST", "/login", &member.refresh, body).await.assert_refused(409, "already_member");
    let third = credentials("third@example.com", PASSWORD);
    server.call("POST", "/register", &member.refresh, third.clone()).await.assert_refused(409, "already_member");
    server.call("POST", "/register", &guest.refresh, third).await.assert_problem(401);
    assert!(server.accepts(&member.access).await);
}

#[tokio::test]
async fn c18_of_a_concurrent_registration_and_login_of_one_guest_one_succeeds() {
    for _ in 0..4 {
        let server = Server::open().await;
        let account = new_member(&server).await;
        let guest = server.anonymous_login().await;
        add_to_cart(&server, &guest.access, 1, 2).await;
        let new = authorized("POST", "/register", &guest.refresh, Some(credentials("eve@example.com", PASSWORD)));

        let (registered, logged_in) = tokio::join!(server.send(new), server.send(login(&guest.refresh)));

        let (accepted, refused, owner) = match (registered.status, logged_in.status) {
            (StatusCode::OK, _) => (registered, logged_in, user_id(&guest.id)),
            (_, StatusCode::OK) => (logged_in, registered, account.id),
            _ => panic!("{registered:?} {logged_in:?}"),
        };
        refused.assert_problem(401);
        let member = accepted.tokens();
        assert_eq!(member.id, owner);
        assert_eq!(cart(&server, &member.access).await, [(1, 2)]);
        assert!(!server.accepts(&guest.access).await);
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

    server.send(login(&guest.refresh)).await.assert_problem(401);

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
                1 => login(&guest.refresh),
                _ => crate::support::refresh(&guest.refresh),
            })
            .collect::<Vec<_>>(),
    );
    let responses = server.send_concurrently(12, || requests.lock().unwrap().pop().unwrap()).await;

    let (logins, refreshes): (Vec<_>, Vec<_>) = responses
        .iter()
        .filter(|response| response.status == StatusCode::OK)
        .partition(|response| response.json().get("merged").is_some());
    let successors: std::collections::HashSet<_> = refreshes.iter().map(|response| response.tokens().refresh).collect();
    assert!(successors.len() <= 1, "{responses:?}");
    // The login ends the session that the refreshes continued; the login itself may have come with a rotated token.
    let [login] = &logins[..] else { panic!("{responses:?}") };
    for successor in successors {
        server.refresh(&successor).await.assert_oauth_error("invalid_grant");
    }
    for response in &responses {
        assert!([200, 400, 401].contains(&response.status.as_u16()), "{response:?}");
    }
    assert_eq!(server.refresh(&login.tokens().refresh).await.tokens().id, account.id);
}

#[tokio::test]
async fn s07_a_merged_guest_is_deleted_after_its_last_access_token_has_expired() {
    let server = Server::open_with(|config| config.guest_retention = SECOND).await;
    new_member(&server).await;
    let guest = server.anonymous_login().await;
    let member = server.send(login(&guest.refresh)).await.tokens();
    let merged_guests = || server.number("SELECT count(*) FROM anonymous_user WHERE merged_into IS NOT NULL");

    server.clock.advance(15 * MINUTE - SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(merged_guests(), 1);
    server.clock.advance(2 * SECOND);
    server.guestpass().sweep().await.unwrap();

    assert_eq!(merged_guests(), 0);
    assert!(server.refresh(&member.refresh).await.status.is_success());
}

#[tokio::test]
async fn s08_an_addition_that_is_retried_after_the_merge_adds_nothing() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    let add = |access: &str| {
        let request = authorized("POST", "/me/cart/1", access, Some(json!({ "add": { "quantity": 3 } })));
        with_header(request, "idempotency-key", "k_-GqFbKvQ0r8pWm2ZtYxA")
    };
    assert_eq!(server.send(add(&guest.access)).await.status, StatusCode::CREATED);
    let member = server.send(login(&guest.refresh)).await.tokens();

    assert_eq!(server.send(add(&member.access)).await.status, StatusCode::OK);

    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s04_erasing_an_account_deletes_its_merged_guests_and_all_sessions() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    let member = server.send(login(&guest.refresh)).await.tokens();
    let refreshed = server.refresh(&member.refresh).await.tokens();

    let erased = server.send(authorized("DELETE", "/me", &refreshed.refresh, None)).await;

    assert_eq!(erased.status, StatusCode::NO_CONTENT);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
    assert_eq!(server.number("SELECT count(*) FROM account"), 0);
    for token in [&account.access, &guest.access, &member.access, &refreshed.access] {
        server.get("/me", token).await.assert_problem(401);
    }
    let other = server.anonymous_login().await;
    server.send(login(&other.refresh)).await.assert_refused(403, "invalid_credentials");
}

#[tokio::test]
async fn s04_after_a_concurrent_login_and_erasure_the_guest_is_unchanged_or_erased() {
    for _ in 0..4 {
        let server = Server::open().await;
        let account = new_member(&server).await;
        let guest = server.anonymous_login().await;
        add_to_cart(&server, &guest.access, 1, 2).await;

        let (logged_in, erased) = tokio::join!(
            server.send(login(&guest.refresh)),
            server.send(authorized("DELETE", "/me", &account.refresh, None))
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
    let member = server.send(login(&guest.refresh)).await.tokens();

    let server = server.restart().await;

    assert!(!server.accepts(&guest.access).await);
    assert_eq!(server.get("/me", &member.access).await.json()["id"], account.id);
    server.clock.advance(DAY);
    assert_eq!(server.refresh(&member.refresh).await.tokens().id, account.id);
}
