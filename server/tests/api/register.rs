//! `POST /register` with a password: the guest becomes a member and keeps ID and data

use axum::http::StatusCode;
use serde_json::json;

use crate::support::membership::{
    EMAIL, PASSWORD, add_to_cart, cart, credentials, login, new_member, register, user_id,
};
use crate::support::{DAY, Server, claims_of, form};

#[tokio::test]
async fn s08_a_registration_keeps_the_id_and_all_data() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    add_to_cart(&server, &tokens.access, 1, 2).await;

    let response = server.send(register(&tokens.refresh)).await;

    let member = response.assert_member(&user_id(&tokens.id), "registered", false);
    assert_eq!(response.json()["email"], EMAIL);
    assert_eq!(response.json()["token_type"], "bearer");
    assert_eq!(member.expires_in, 900);
    assert_eq!(claims_of(&member.access)["sub"], user_id(&tokens.id));
    let next = server.refresh(&member.refresh).await.tokens();
    assert_eq!(next.id, user_id(&tokens.id));
    for access in [&member.access, &next.access] {
        let me = server.get("/me", access).await.json();
        assert_eq!(me["id"], user_id(&tokens.id));
        assert_eq!(me["kind"], "user");
        assert_eq!(me["email"], EMAIL);
        assert_eq!(me["registered_at"], "2027-01-15T08:00:00.250Z");
        assert_eq!(me["passkeys"], 0);
        assert_eq!(cart(&server, access).await, [(1, 2)]);
    }
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
}

#[tokio::test]
async fn me_of_a_guest_has_no_member_data() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;

    let me = server.get("/me", &tokens.access).await.json();

    assert_eq!(me["kind"], "guest");
    assert_eq!((&me["email"], &me["registered_at"], &me["passkeys"]), (&json!(null), &json!(null), &json!(0)));
}

#[tokio::test]
async fn s08_concurrent_registrations_of_one_guest_create_one_account() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;

    let responses = server.send_concurrently(8, || register(&tokens.refresh)).await;

    let (accepted, refused): (Vec<_>, Vec<_>) = responses.into_iter().partition(|response| response.status == 200);
    assert_eq!(accepted.len(), 1, "{accepted:?}");
    let member = accepted[0].assert_member(&user_id(&tokens.id), "registered", false);
    for response in refused {
        response.assert_problem(401);
    }
    assert!(server.accepts(&member.access).await);
    assert_eq!(server.number("SELECT count(*) FROM account"), 1);
    assert_eq!(server.number("SELECT count(*) FROM session WHERE revoked_at IS NULL"), 1);
}

#[tokio::test]
async fn c18_a_registration_with_a_taken_email_address_is_refused_and_changes_nothing() {
    let server = Server::open().await;
    new_member(&server).await;
    let tokens = server.anonymous_login().await;
    add_to_cart(&server, &tokens.access, 1, 2).await;

    for response in server.send_concurrently(4, || register(&tokens.refresh)).await {
        response.assert_refused(409, "email_taken");
    }

    let next = server.refresh(&tokens.refresh).await.tokens();
    assert_eq!(next.id, tokens.id);
    assert_eq!(server.get("/me", &next.access).await.json()["kind"], "guest");
    assert_eq!(cart(&server, &next.access).await, [(1, 2)]);
}

#[tokio::test]
async fn c18_of_concurrent_registrations_of_one_email_address_one_succeeds() {
    let server = Server::open().await;
    let guests = [server.anonymous_login().await, server.anonymous_login().await, server.anonymous_login().await];

    let requests = std::sync::Mutex::new(guests.iter().map(|tokens| register(&tokens.refresh)).collect::<Vec<_>>());
    let responses = server.send_concurrently(3, || requests.lock().unwrap().pop().unwrap()).await;

    let registered: Vec<_> = responses.iter().filter(|response| response.status == StatusCode::OK).collect();
    assert_eq!(registered.len(), 1, "{responses:?}");
    for response in responses.iter().filter(|response| response.status != StatusCode::OK) {
        response.assert_refused(409, "email_taken");
    }
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user WHERE registered_at IS NOT NULL"), 1);
}

#[tokio::test]
async fn c18_a_member_cannot_register_again_with_other_credentials() {
    let server = Server::open().await;
    let tokens = new_member(&server).await;

    for other in [credentials("eve@example.com", PASSWORD), credentials(EMAIL, "another horse battery staple")] {
        server.call("POST", "/register", &tokens.refresh, other).await.assert_refused(409, "already_member");
    }

    server.send(login(&tokens.refresh)).await.assert_member(&user_id(&tokens.id), "logged_in", false);
}

#[tokio::test]
async fn c18_invalid_email_addresses_and_passwords_are_refused() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let call = async |body| server.call("POST", "/register", &tokens.refresh, body).await;

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
async fn s04_a_registration_from_a_revoked_session_is_refused() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.revoke(&tokens.refresh).await;

    server.send(register(&tokens.refresh)).await.assert_problem(401);
    server.send(axum::http::Request::post("/register").body("".into()).unwrap()).await.assert_problem(401);

    assert_eq!(server.number("SELECT count(*) FROM account"), 0);
}

#[tokio::test]
async fn s04_after_a_concurrent_registration_and_revocation_no_token_of_before_is_accepted() {
    for _ in 0..5 {
        let server = Server::open().await;
        let tokens = server.anonymous_login().await;

        let (registered, revoked) =
            tokio::join!(server.send(register(&tokens.refresh)), server.revoke(&tokens.refresh));

        assert!([200, 401].contains(&registered.status.as_u16()), "{registered:?}");
        assert_eq!(revoked.status, StatusCode::OK);
        assert!(!server.accepts(&tokens.access).await);
        server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");
    }
}

#[tokio::test]
async fn a_password_is_stored_only_as_an_argon2id_hash() {
    let server = Server::open().await;
    new_member(&server).await;

    let hash = server.database().text("SELECT password_hash FROM account");

    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert!(!hash.contains("horse"));
}

#[tokio::test]
async fn registrations_of_one_email_address_are_limited_separately_from_logins() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let tokens = server.anonymous_login().await;
    let call =
        async |email: &str| server.call("POST", "/register", &tokens.refresh, credentials(email, PASSWORD)).await;
    // The member's own registration succeeded, so it does not count.
    for _ in 0..10 {
        call(EMAIL).await.assert_refused(409, "email_taken");
    }

    let refused = call("ADA@example.com").await;

    refused.assert_problem(429);
    assert_eq!(refused.json()["violated-policies"], json!(["account"]));
    assert_eq!(refused.header("ratelimit-policy"), "\"account\";q=10;w=900");
    server.send(login(&tokens.refresh)).await.assert_member(&user_id(&account.id), "logged_in", true);
}

#[tokio::test]
async fn introspection_of_the_tokens_of_a_member_returns_the_user_id() {
    const SECRET: &str = "a-secret-for-introspection-of-32-characters";
    let server = Server::open_with(|config| config.introspection_secrets = vec![SECRET.parse().unwrap()]).await;
    let tokens = new_member(&server).await;

    for token in [&tokens.access, &tokens.refresh] {
        let mut request = form("/introspect", &[("token", token)]);
        request.headers_mut().insert("authorization", format!("Bearer {SECRET}").parse().unwrap());
        let claims = server.send(request).await.json();
        assert_eq!(claims["active"], true);
        assert_eq!(claims["sub"], user_id(&tokens.id));
    }
}

#[tokio::test]
async fn s07_a_member_is_never_swept() {
    let server = Server::open_with(|config| config.guest_retention = DAY).await;
    let tokens = new_member(&server).await;
    server.revoke(&tokens.refresh).await;
    let guest = server.anonymous_login().await;
    server.revoke(&guest.refresh).await;

    server.clock.advance(1000 * DAY);
    server.guestpass().sweep().await.unwrap();

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 1);
    assert_eq!(server.number("SELECT count(*) FROM anonymous_user WHERE registered_at IS NOT NULL"), 1);
    let returning = server.anonymous_login().await;
    server.send(login(&returning.refresh)).await.assert_member(&user_id(&tokens.id), "logged_in", true);
}

#[tokio::test]
async fn a_registration_survives_a_restart() {
    let server = Server::open().await;
    let tokens = new_member(&server).await;

    let server = server.restart().await;

    assert_eq!(server.get("/me", &tokens.access).await.json()["kind"], "user");
    assert_eq!(server.refresh(&tokens.refresh).await.tokens().id, user_id(&tokens.id));
}
