//! `POST /register` with a password: the guest becomes a member where they are

use axum::http::StatusCode;
use serde_json::json;

use crate::membership::{EMAIL, PASSWORD, add_to_cart, cart, credentials, log_in, member, register, user};
use crate::support::{DAY, Server, claims_of, form};

#[tokio::test]
async fn s08_a_guest_who_registers_keeps_the_id_and_every_row() {
    let server = Server::open().await;
    let tokens = server.login().await;
    add_to_cart(&server, &tokens.access, 1, 2).await;

    let answer = server.send(register(&tokens.access)).await;

    answer.assert_member(&user(&tokens.id), "registered", false);
    assert_eq!(answer.json()["email"], EMAIL);
    assert_eq!(answer.header("cache-control"), "no-store");
    let next = server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(next.id, user(&tokens.id));
    assert_eq!(claims_of(&next.access)["sub"], user(&tokens.id));
    // The token from before is as good as the one from after.
    for access in [&tokens.access, &next.access] {
        let me = server.get("/me", access).await.json();
        assert_eq!(me["id"], user(&tokens.id));
        assert_eq!(me["kind"], "user");
        assert_eq!(me["email"], EMAIL);
        assert_eq!(me["registered_at"], "2027-01-15T08:00:00.250Z");
        assert_eq!(me["passkeys"], 0);
        assert_eq!(cart(&server, access).await, [(1, 2)]);
    }
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
}

#[tokio::test]
async fn a_guest_is_none_of_that() {
    let server = Server::open().await;
    let tokens = server.login().await;

    let me = server.get("/me", &tokens.access).await.json();

    assert_eq!(me["kind"], "guest");
    assert_eq!((&me["email"], &me["registered_at"], &me["passkeys"]), (&json!(null), &json!(null), &json!(0)));
}

#[tokio::test]
async fn s08_the_same_registration_again_gets_the_same_answer() {
    let server = Server::open().await;
    let tokens = server.login().await;
    let first = server.send(register(&tokens.access)).await;

    let spelled_otherwise = credentials(" Ada@EXAMPLE.com", PASSWORD);
    let again = server.call("POST", "/register", &tokens.access, spelled_otherwise).await;
    let next = server.refresh(&tokens.refresh).await.tokens();
    let after_the_refresh = server.send(register(&next.access)).await;

    for answer in [again, after_the_refresh] {
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, first.json()));
    }
    assert_eq!(server.number("SELECT count(*) FROM account"), 1);
}

#[tokio::test]
async fn s08_registrations_at_once_make_one_account() {
    let server = Server::open().await;
    let tokens = server.login().await;

    for answer in server.send_at_once(8, || register(&tokens.access)).await {
        answer.assert_member(&user(&tokens.id), "registered", false);
    }

    assert_eq!(server.number("SELECT count(*) FROM account"), 1);
}

#[tokio::test]
async fn c18_of_two_guests_with_one_address_the_second_stays_a_guest() {
    let server = Server::open().await;
    member(&server).await;
    let tokens = server.login().await;
    add_to_cart(&server, &tokens.access, 1, 2).await;

    for answer in server.send_at_once(4, || register(&tokens.access)).await {
        answer.assert_refused(409, "email_taken");
    }

    let next = server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(next.id, tokens.id);
    assert_eq!(server.get("/me", &next.access).await.json()["kind"], "guest");
    assert_eq!(cart(&server, &next.access).await, [(1, 2)]);
}

#[tokio::test]
async fn c18_guests_who_race_for_one_address_end_with_one_member() {
    let server = Server::open().await;
    let guests = [server.login().await, server.login().await, server.login().await];

    let requests = std::sync::Mutex::new(guests.iter().map(|tokens| register(&tokens.access)).collect::<Vec<_>>());
    let answers = server.send_at_once(3, || requests.lock().unwrap().pop().unwrap()).await;

    let registered: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::OK).collect();
    assert_eq!(registered.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
        answer.assert_refused(409, "email_taken");
    }
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user WHERE registered_at IS NOT NULL"), 1);
}

#[tokio::test]
async fn c18_a_member_does_not_become_another_one() {
    let server = Server::open().await;
    let tokens = member(&server).await;

    for other in [credentials("eve@example.com", PASSWORD), credentials(EMAIL, "another horse battery staple")] {
        server.call("POST", "/register", &tokens.access, other).await.assert_refused(409, "already_member");
    }

    server.send(log_in(&tokens.access)).await.assert_member(&user(&tokens.id), "logged_in", false);
}

#[tokio::test]
async fn c18_what_is_no_address_and_no_password_is_refused() {
    let server = Server::open().await;
    let tokens = server.login().await;
    let call = async |body| server.call("POST", "/register", &tokens.access, body).await;

    call(credentials("ada", PASSWORD)).await.assert_refused(422, "invalid_email");
    call(credentials(EMAIL, "1234567")).await.assert_refused(422, "password_too_short");
    call(credentials(EMAIL, "password123")).await.assert_refused(422, "password_too_common");
    call(credentials(EMAIL, "ada@example.com")).await.assert_refused(422, "password_too_common");
    call(credentials(EMAIL, &"x".repeat(1025))).await.assert_refused(422, "password_too_long");
    for body in
        [json!({}), json!({ "email": EMAIL }), json!({ "email": EMAIL, "password": 1 }), json!([EMAIL, PASSWORD])]
    {
        call(body).await.assert_problem(422);
    }

    assert_eq!(server.get("/me", &tokens.access).await.json()["kind"], "guest");
    assert_eq!(server.number("SELECT count(*) FROM account"), 0);
}

#[tokio::test]
async fn s04_who_has_been_revoked_does_not_register() {
    let server = Server::open().await;
    let tokens = server.login().await;
    server.revoke(&tokens.refresh).await;

    server.send(register(&tokens.access)).await.assert_problem(401);
    server.send(axum::http::Request::post("/register").body("".into()).unwrap()).await.assert_problem(401);

    assert_eq!(server.number("SELECT count(*) FROM account"), 0);
}

#[tokio::test]
async fn s04_a_registration_and_a_revocation_at_once_leave_nothing_that_is_accepted() {
    for _ in 0..5 {
        let server = Server::open().await;
        let tokens = server.login().await;

        let (registered, revoked) = tokio::join!(server.send(register(&tokens.access)), server.revoke(&tokens.refresh));

        assert!([200, 401].contains(&registered.status.as_u16()), "{registered:?}");
        assert_eq!(revoked.status, StatusCode::OK);
        assert!(!server.accepts(&tokens.access).await);
    }
}

#[tokio::test]
async fn a_password_is_kept_as_an_argon2id_hash_only() {
    let server = Server::open().await;
    member(&server).await;

    let hash = server.database().text("SELECT password_hash FROM account");

    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert!(!hash.contains("horse"));
}

#[tokio::test]
async fn attempts_to_register_one_address_are_limited_and_do_not_use_up_those_to_log_in() {
    let server = Server::open().await;
    let account = member(&server).await;
    let tokens = server.login().await;
    let call = async |email: &str| server.call("POST", "/register", &tokens.access, credentials(email, PASSWORD)).await;
    // One of them was the member's own.
    for _ in 0..9 {
        call(EMAIL).await.assert_refused(409, "email_taken");
    }

    let refused = call("ADA@example.com").await;

    refused.assert_problem(429);
    assert_eq!(refused.json()["violated-policies"], json!(["account"]));
    assert_eq!(refused.header("ratelimit-policy"), "\"account\";q=10;w=900");
    server.send(log_in(&tokens.access)).await.assert_member(&user(&account.id), "logged_in", true);
}

#[tokio::test]
async fn a_member_is_introspected_as_one() {
    const SECRET: &str = "a-secret-for-introspection-of-32-characters";
    let server = Server::open_with(|config| config.introspection_secret = Some(SECRET.parse().unwrap())).await;
    let tokens = member(&server).await;

    for token in [&tokens.access, &tokens.refresh] {
        let mut request = form("/introspect", &[("token", token)]);
        request.headers_mut().insert("authorization", format!("Bearer {SECRET}").parse().unwrap());
        let facts = server.send(request).await.json();
        assert_eq!(facts["active"], true);
        assert_eq!(facts["sub"], user(&tokens.id));
    }
}

#[tokio::test]
async fn s07_a_member_is_never_swept() {
    let server = Server::open_with(|config| config.guest_retention = DAY).await;
    let tokens = member(&server).await;
    server.revoke(&tokens.refresh).await;
    let guest = server.login().await;
    server.revoke(&guest.refresh).await;

    server.clock.advance(1000 * DAY);
    server.guestpass().sweep().await.unwrap();

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user WHERE registered_at IS NOT NULL"), 1);
    let back = server.login().await;
    server.send(log_in(&back.access)).await.assert_member(&user(&tokens.id), "logged_in", true);
}

#[tokio::test]
async fn a_registration_outlives_the_process() {
    let server = Server::open().await;
    let tokens = member(&server).await;

    let server = server.reopen().await;

    assert_eq!(server.get("/me", &tokens.access).await.json()["kind"], "user");
    assert_eq!(server.refresh(&tokens.refresh).await.tokens().id, user(&tokens.id));
}
