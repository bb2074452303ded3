//! `POST /login` with a password: into an account, with everything that the guest has

use axum::http::StatusCode;
use serde_json::json;

use crate::membership::{EMAIL, PASSWORD, add_to_cart, cart, credentials, log_in, member, register, user, uuid_of};
use crate::support::{Answer, DAY, MINUTE, SECOND, Server, authorized, claims_of, from, login, with};

const WRONG: &str = "wrong horse battery staple";

#[tokio::test]
async fn s08_a_guest_who_logs_in_brings_everything_along() {
    let server = Server::open().await;
    let account = member(&server).await;
    add_to_cart(&server, &account.access, 1, 2).await;
    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    add_to_cart(&server, &guest.access, 2, 1).await;

    server.send(log_in(&guest.access)).await.assert_member(&user(&account.id), "logged_in", true);

    let next = server.refresh(&guest.refresh).await.tokens();
    assert_eq!(next.id, user(&account.id));
    assert_eq!(claims_of(&next.access)["sub"], user(&account.id));
    assert_eq!(claims_of(&next.access)["sid"], claims_of(&guest.access)["sid"]);
    for access in [&account.access, &guest.access, &next.access] {
        assert_eq!(cart(&server, access).await, [(1, 5), (2, 1)]);
        assert_eq!(server.get("/me", access).await.json()["id"], user(&account.id));
    }
}

#[tokio::test]
async fn s08_the_same_login_again_merges_nothing_twice() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let first = server.send(log_in(&guest.access)).await;

    let mut answers = server.send_at_once(5, || log_in(&guest.access)).await;
    answers.push(server.send(log_in(&guest.access)).await);

    for answer in answers {
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, first.json()));
    }
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
    let next = server.refresh(&guest.refresh).await.tokens();
    server.send(log_in(&next.access)).await.assert_member(&user(&account.id), "logged_in", false);
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s08_late_writes_of_the_guest_land_in_the_account() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    server.send(log_in(&guest.access)).await;

    add_to_cart(&server, &guest.access, 3, 4).await;

    assert_eq!(cart(&server, &account.access).await, [(3, 4)]);
    // The store alone knows it too: that is what another node asks before the news has reached it.
    server.database().execute("DELETE FROM cart_item");
    let server = server.reopen().await;
    add_to_cart(&server, &guest.access, 3, 1).await;
    assert_eq!(cart(&server, &account.access).await, [(3, 1)]);
    let rows = server.number(&format!("SELECT count(*) FROM cart_item WHERE user_id = '{}'", uuid_of(&guest.id)));
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn s08_writes_and_logins_at_once_lose_nothing() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;

    let requests: std::sync::Mutex<Vec<_>> = std::sync::Mutex::new(
        (0..20)
            .map(|number| match number % 10 {
                5 => log_in(&guest.access),
                _ => authorized("POST", "/me/cart", &guest.access, Some(json!({ "item_id": 1, "quantity": 1 }))),
            })
            .collect(),
    );
    for answer in server.send_at_once(20, || requests.lock().unwrap().pop().unwrap()).await {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    assert_eq!(cart(&server, &account.access).await, [(1, 18)]);
}

#[tokio::test]
async fn s08_all_sessions_of_the_guest_follow() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    // A second device of that guest.
    let device = server.login().await;
    server.database().execute(&format!(
        "UPDATE session SET user_id = '{}' WHERE user_id = '{}'",
        uuid_of(&guest.id),
        uuid_of(&device.id)
    ));

    server.send(log_in(&guest.access)).await;

    assert_eq!(server.refresh(&device.refresh).await.tokens().id, user(&account.id));
    let sessions = server.get("/me/sessions", &account.access).await.json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 3);
    // One of the account's sessions can be ended from another one.
    let session = claims_of(&guest.access)["sid"].as_str().unwrap().to_owned();
    let ended = server.send(authorized("DELETE", &format!("/me/sessions/{session}"), &account.access, None)).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(!server.accepts(&guest.access).await);
    assert!(server.accepts(&account.access).await);
}

#[tokio::test]
async fn s08_the_anonymous_login_that_is_repeated_after_a_merge_is_the_account() {
    const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";
    let server = Server::open().await;
    let account = member(&server).await;
    let first = server.send(login(Some(json!({ "refresh": true })), Some(KEY))).await.tokens();
    server.send(log_in(&first.access)).await;

    let again = server.send(login(Some(json!({ "refresh": true })), Some(KEY))).await.tokens();

    assert_eq!(again.id, user(&account.id));
    assert_eq!(again.refresh, first.refresh);
}

#[tokio::test]
async fn c18_wrong_credentials_change_nothing_and_tell_nothing() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
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

/// A login from a connection of `peer`.
async fn log_in_from(server: &Server, peer: &str, access_token: &str, password: &str) -> Answer {
    let body = credentials(EMAIL, password);
    server.send(from(peer, authorized("POST", "/login", access_token, Some(body)))).await
}

#[tokio::test]
async fn a_password_can_be_tried_so_often_from_one_network() {
    let server = Server::open().await;
    let tokens = server.login().await;
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
async fn s10_a_stranger_who_guesses_does_not_keep_the_member_out() {
    let server = Server::open().await;
    let account = member(&server).await;
    let (stranger, owner) = (server.login().await, server.login().await);
    for _ in 0..10 {
        log_in_from(&server, "198.51.100.1", &stranger.access, WRONG).await.assert_refused(403, "invalid_credentials");
    }
    log_in_from(&server, "198.51.100.1", &stranger.access, PASSWORD).await.assert_problem(429);

    let answer = log_in_from(&server, "203.0.113.7", &owner.access, PASSWORD).await;

    answer.assert_member(&user(&account.id), "logged_in", true);
}

#[tokio::test]
async fn s10_guesses_from_many_networks_are_bounded_together() {
    let server = Server::open_with(|config| config.password_rate = "1/15m".parse().unwrap()).await;
    member(&server).await;
    let guest = server.login().await;
    let guess =
        async |network: usize| log_in_from(&server, &format!("198.51.100.{network}"), &guest.access, WRONG).await;
    for network in 0..10 {
        guess(network).await.assert_refused(403, "invalid_credentials");
        // Refused for its network, and not counted for all of them.
        let refused = guess(network).await;
        refused.assert_problem(429);
        assert_eq!(refused.json()["violated-policies"], json!(["account"]));
    }

    let refused = guess(10).await;

    refused.assert_problem(429);
    assert_eq!(refused.json()["violated-policies"], json!(["account-total"]));
    assert_eq!(refused.header("ratelimit-policy"), "\"account\";q=1;w=900, \"account-total\";q=10;w=900");
    assert_eq!(refused.header("retry-after"), "90");
    server.clock.advance(90 * SECOND);
    guess(11).await.assert_refused(403, "invalid_credentials");
    guess(12).await.assert_problem(429);
}

#[tokio::test]
async fn c18_a_member_does_not_log_in_to_another_account() {
    let server = Server::open().await;
    let account = member(&server).await;
    let other = server.login().await;
    let body = credentials("eve@example.com", PASSWORD);
    server.call("POST", "/register", &other.access, body.clone()).await.assert_member(
        &user(&other.id),
        "registered",
        false,
    );
    add_to_cart(&server, &other.access, 1, 2).await;

    server.send(log_in(&other.access)).await.assert_refused(409, "already_member");

    assert_eq!(cart(&server, &other.access).await, [(1, 2)]);
    assert_eq!(cart(&server, &account.access).await, []);
    // Nor does a guest who has been merged into one.
    let guest = server.login().await;
    server.send(log_in(&guest.access)).await;
    server.call("POST", "/login", &guest.access, body).await.assert_refused(409, "already_member");
    let third = credentials("third@example.com", PASSWORD);
    server.call("POST", "/register", &guest.access, third).await.assert_refused(409, "already_member");
}

#[tokio::test]
async fn c18_a_guest_who_registers_and_logs_in_at_once_does_one_of_both() {
    for _ in 0..4 {
        let server = Server::open().await;
        let account = member(&server).await;
        let guest = server.login().await;
        add_to_cart(&server, &guest.access, 1, 2).await;
        let new = authorized("POST", "/register", &guest.access, Some(credentials("eve@example.com", PASSWORD)));

        let (registered, logged_in) = tokio::join!(server.send(new), server.send(log_in(&guest.access)));

        let (refused, owner) = match (registered.status, logged_in.status) {
            (StatusCode::OK, StatusCode::CONFLICT) => (logged_in, &guest),
            (StatusCode::CONFLICT, StatusCode::OK) => (registered, &account),
            _ => panic!("{registered:?} {logged_in:?}"),
        };
        refused.assert_refused(409, "already_member");
        assert_eq!(cart(&server, &guest.access).await, [(1, 2)]);
        assert_eq!(server.get("/me", &guest.access).await.json()["id"], user(&owner.id));
    }
}

#[tokio::test]
async fn s04_who_has_been_revoked_does_not_log_in() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 2).await;
    // As another node does, of which this one has not heard yet.
    server.database().execute(&format!("UPDATE session SET revoked_at = 1 WHERE user_id = '{}'", uuid_of(&guest.id)));

    server.send(log_in(&guest.access)).await.assert_problem(401);

    assert_eq!(cart(&server, &account.access).await, []);
}

#[tokio::test]
async fn s04_refreshes_and_logins_at_once_end_with_one_successor() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;

    let requests = std::sync::Mutex::new(
        (0..12)
            .map(|number| match number % 4 {
                1 => log_in(&guest.access),
                _ => crate::support::refresh(&guest.refresh),
            })
            .collect::<Vec<_>>(),
    );
    let answers = server.send_at_once(12, || requests.lock().unwrap().pop().unwrap()).await;

    let mut successors: Vec<_> = answers
        .iter()
        .inspect(|answer| assert_eq!(answer.status, StatusCode::OK, "{answer:?}"))
        .filter_map(|answer| Some(answer.json()["refresh_token"].as_str()?.to_owned()))
        .collect();
    successors.dedup();
    assert_eq!(successors.len(), 1, "{answers:?}");
    assert_eq!(server.refresh(&successors[0]).await.tokens().id, user(&account.id));
}

#[tokio::test]
async fn s07_a_tombstone_goes_once_no_token_can_name_the_guest() {
    let server = Server::open_with(|config| config.guest_retention = SECOND).await;
    member(&server).await;
    let guest = server.login().await;
    server.send(log_in(&guest.access)).await;
    let tombstones = || server.number("SELECT count(*) FROM anonymous_user WHERE merged_into IS NOT NULL");

    server.clock.advance(15 * MINUTE - SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(tombstones(), 1);
    server.clock.advance(2 * SECOND);
    server.guestpass().sweep().await.unwrap();

    assert_eq!(tombstones(), 0);
    assert!(server.refresh(&guest.refresh).await.status.is_success());
}

#[tokio::test]
async fn s08_an_addition_that_is_repeated_after_the_merge_adds_nothing() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    let add = || {
        let request = authorized("POST", "/me/cart", &guest.access, Some(json!({ "item_id": 1, "quantity": 3 })));
        with(request, "idempotency-key", "k_-GqFbKvQ0r8pWm2ZtYxA")
    };
    assert_eq!(server.send(add()).await.status, StatusCode::OK);
    server.send(log_in(&guest.access)).await;

    assert_eq!(server.send(add()).await.status, StatusCode::OK);

    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s04_an_account_that_is_erased_takes_its_tombstones_and_all_sessions_along() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    server.send(log_in(&guest.access)).await;
    let late = server.refresh(&guest.refresh).await.tokens();

    // By a token that still names the guest: whoever it was is the member now.
    let erased = server.send(authorized("DELETE", "/me", &guest.access, None)).await;

    assert_eq!(erased.status, StatusCode::NO_CONTENT);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
    assert_eq!(server.number("SELECT count(*) FROM account"), 0);
    for token in [&account.access, &guest.access, &late.access] {
        server.get("/me", token).await.assert_problem(401);
    }
    let other = server.login().await;
    server.send(log_in(&other.access)).await.assert_refused(403, "invalid_credentials");
}

#[tokio::test]
async fn s04_a_login_and_the_end_of_the_account_at_once_leave_a_guest_or_nothing() {
    for _ in 0..4 {
        let server = Server::open().await;
        let account = member(&server).await;
        let guest = server.login().await;
        add_to_cart(&server, &guest.access, 1, 2).await;

        let (logged_in, erased) = tokio::join!(
            server.send(log_in(&guest.access)),
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
async fn a_merge_outlives_the_process() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    server.send(log_in(&guest.access)).await;

    let server = server.reopen().await;

    assert_eq!(server.get("/me", &guest.access).await.json()["id"], user(&account.id));
    server.clock.advance(DAY);
    assert_eq!(server.refresh(&guest.refresh).await.tokens().id, user(&account.id));
}

#[tokio::test]
async fn a_guest_with_a_long_lived_token_becomes_a_member_too() {
    let server = Server::open().await;
    let simple = server.send(login(None, None)).await.json();
    let (access, id) = (simple["access_token"].as_str().unwrap(), simple["anonymous_id"].as_str().unwrap());

    server.send(register(access)).await.assert_member(&user(id), "registered", false);

    assert_eq!(server.get("/me", access).await.json()["kind"], "user");
}
