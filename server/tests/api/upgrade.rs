//! What `/register`, `/login` and `/link` have in common: they need the refresh token, open a new session, end all others of the
//! guest, and give the same session again to a retry. The other account requests need the refresh token, too.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::membership::{
    EMAIL, PASSWORD, add_to_cart, cart, credentials, login, new_member, register, uuid_of,
};
use crate::support::oidc_issuer::{Issuer, SigningKey};
use crate::support::{
    MINUTE, Response, SECOND, Server, Tokens, anonymous_login, authorized, claims_of, get, with_header,
};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";
const OTHER_KEY: &str = "K_-GqFbKvQ0r8pWm2ZtYxA";

/// A server with an account of `EMAIL`, and an issuer that it trusts.
struct Shop {
    server: Server,
    account: Tokens,
    issuer: Issuer,
    issuer_key: SigningKey,
}

impl Shop {
    async fn open() -> Self {
        let issuer = Issuer::start().await;
        let issuer_key = SigningKey::es256("first");
        issuer.publish(&[issuer_key.jwk()]);
        let server = Server::open_with(|config| config.oidc_issuers = vec![issuer.setting().parse().unwrap()]).await;
        let account = new_member(&server).await;
        Self { server, account, issuer, issuer_key }
    }

    /// One request for each way to become a member, as path and body. Each is good for one caller.
    fn upgrades(&self) -> [(&'static str, Value); 3] {
        let claims = self.issuer.claims("grace", self.server.clock.secs());
        [
            ("/register", credentials("eve@example.com", PASSWORD)),
            ("/login", credentials(EMAIL, PASSWORD)),
            ("/link", json!({ "id_token": self.issuer_key.sign(&claims) })),
        ]
    }
}

fn keyed(path: &str, token: &str, body: &Value, key: &str) -> Request<Body> {
    with_header(authorized("POST", path, token, Some(body.clone())), "idempotency-key", key)
}

/// Gives a session of its own to another guest.
fn move_session(server: &Server, from: &str, to: &str) {
    let (from, to) = (uuid_of(from), uuid_of(to));
    server.database().execute(&format!("UPDATE session SET user_id = '{to}' WHERE user_id = '{from}'"));
}

/// The access token and the ID of a guest of a simple client.
async fn simple_guest(server: &Server) -> (String, String) {
    let json = server.send(anonymous_login(None, None)).await.json();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    (text("access_token"), text("anonymous_id"))
}

#[tokio::test]
async fn s08_tokens_that_were_planted_before_an_upgrade_are_refused_after_it() {
    let shop = Shop::open().await;
    let mut server = shop.server;
    let upgrades = Shop { server, ..shop };
    let requests = upgrades.upgrades();
    server = upgrades.server;
    for (path, body) in requests {
        let guest = server.anonymous_login().await;
        add_to_cart(&server, &guest.access, 1, 2).await;
        let (planted, planted_id) = simple_guest(&server).await;
        move_session(&server, &planted_id, &guest.id);
        let copied = server.anonymous_login().await;
        move_session(&server, &copied.id, &guest.id);
        assert!(server.accepts(&copied.access).await && server.accepts(&planted).await);

        let response = server.call("POST", path, &guest.refresh, body).await;

        assert_eq!(response.status, 200, "{path}: {response:?}");
        let member = response.tokens();
        // At once on this node, and from the store on every other.
        for _ in 0..2 {
            for token in [&planted, &copied.access, &guest.access] {
                assert!(!server.accepts(token).await, "{path}");
            }
            for token in [&copied.refresh, &guest.refresh] {
                server.refresh(token).await.assert_oauth_error("invalid_grant");
                server.get("/me/export", token).await.assert_problem(401);
            }
            assert!(server.accepts(&member.access).await);
            server = server.restart().await;
        }
        assert_eq!(cart(&server, &member.access).await, [(1, 2)], "{path}");
        server.send(authorized("DELETE", "/me/cart/1", &member.access, None)).await;
        // The sessions that the account had before continue.
        assert!(server.accepts(&upgrades.account.access).await);
    }
}

/// A node that does not know of a merge yet accepts an access token of the guest for up to a second.
#[tokio::test]
async fn s08_an_access_token_of_a_merged_guest_does_not_reach_the_account() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    server.database().execute(&format!(
        "UPDATE anonymous_user SET merged_into = '{}', guest_tokens_until = 9000000000000 WHERE id = '{}'",
        uuid_of(&account.id),
        uuid_of(&guest.id)
    ));

    for path in ["/me", "/me/cart", "/me/history", "/me/favorites", "/me/preferences"] {
        server.get(path, &guest.access).await.assert_problem(401);
    }
    let added = server.call("PUT", "/me/cart/1", &guest.access, json!({ "quantity": 1 })).await;
    added.assert_problem(401);
    assert_eq!(cart(&server, &account.access).await, []);
}

/// Each account request, and whether it is sent with a body.
fn account_requests(token: &str) -> Vec<Request<Body>> {
    let post = |path: &str, body: Value| authorized("POST", path, token, Some(body));
    vec![
        post("/register", credentials("eve@example.com", PASSWORD)),
        post("/register/options", json!({})),
        post("/login", credentials(EMAIL, PASSWORD)),
        post("/login/options", json!({})),
        post("/link", json!({ "id_token": "x" })),
        authorized("GET", "/me/export", token, None),
        authorized("GET", "/me/sessions", token, None),
        authorized("DELETE", "/me/sessions", token, None),
        authorized("DELETE", "/me/sessions/0197f2f0-0000-7000-8000-00000000000a", token, None),
        authorized("DELETE", "/me", token, None),
    ]
}

#[tokio::test]
async fn s08_an_access_token_is_refused_for_every_account_request() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    let (simple, _) = simple_guest(&server).await;
    for access in [&guest.access, &account.access, &simple] {
        for request in account_requests(access) {
            let route = format!("{} {}", request.method(), request.uri());
            let response = server.send(with_header(request, "idempotency-key", KEY)).await;
            response.assert_refused(403, "refresh_token_required");
            assert!(response.json()["detail"].as_str().unwrap().contains("{\"refresh\": true}"), "{route}");
        }
        assert!(server.accepts(access).await);
    }
    assert_eq!(server.number("SELECT count(*) FROM account"), 1);
    assert_eq!(server.number("SELECT count(*) FROM upgrade_key"), 0);
    server.clock.advance(16 * MINUTE);
    let garbled = format!("{}AAAA", &guest.refresh[..guest.refresh.len() - 4]);
    for token in [&guest.access, &garbled, &"gpr_x".to_owned(), &"x".to_owned()] {
        for request in account_requests(token) {
            let route = format!("{} {}", request.method(), request.uri());
            let response = server.send(request).await;
            response.assert_problem(401);
            assert!(response.header("www-authenticate").contains("error=\"invalid_token\""), "{route}: {response:?}");
        }
    }
    let without = server.send(get("/me/export")).await;
    without.assert_problem(401);
    assert_eq!(without.header("www-authenticate"), "Bearer realm=\"guestpass\"");
}

#[tokio::test]
async fn s08_a_refresh_token_is_refused_for_every_other_request() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;

    for path in ["/me", "/me/cart", "/me/history", "/me/favorites", "/me/preferences", "/items/"] {
        server.get(path, &guest.refresh).await.assert_problem(401);
    }

    // An account request does not rotate the token.
    assert_eq!(server.get("/me/export", &guest.refresh).await.status, 200);
    assert_eq!(server.number("SELECT counter FROM session"), 0);
}

#[tokio::test]
async fn s02_account_requests_accept_the_parent_while_it_may_be_used_and_never_count_as_reuse() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    let export = async |tokens: &Tokens| server.get("/me/export", &tokens.refresh).await.status.as_u16();

    assert_eq!([export(&first).await, export(&second).await], [200, 200]);
    server.clock.advance(10 * MINUTE);
    assert_eq!(export(&first).await, 200, "no access token of the successor has been seen");
    assert!(server.accepts(&second.access).await);
    assert_eq!([export(&first).await, export(&second).await], [401, 200]);
    let third = server.refresh(&second.refresh).await.tokens();
    assert_eq!([export(&first).await, export(&second).await, export(&third).await], [401, 200, 200]);
    assert!(server.accepts(&third.access).await);
}

/// Sends the same upgrade again after a lost response, and checks that it gets the same session.
async fn check_retry(server: &Server, path: &str, guest: &Tokens, body: &Value) -> Tokens {
    let first = server.send(keyed(path, &guest.refresh, body, KEY)).await;
    assert_eq!(first.status, 200, "{path}: {first:?}");
    server.clock.advance(9 * MINUTE);
    let retried = server.send(keyed(path, &guest.refresh, body, KEY)).await;
    let (again, first_tokens) = (retried.tokens(), first.tokens());
    assert_eq!((&again.id, &again.refresh), (&first_tokens.id, &first_tokens.refresh), "{path}");
    for name in ["id", "kind", "email", "outcome", "merged"] {
        assert_eq!(retried.json()[name], first.json()[name], "{path}: {name}");
    }
    assert!(server.accepts(&again.access).await && server.accepts(&first_tokens.access).await);
    assert_eq!(claims_of(&again.access)["sid"], claims_of(&first_tokens.access)["sid"]);
    server.clock.set_back(9 * MINUTE);
    first_tokens
}

#[tokio::test]
async fn s08_a_retry_after_a_lost_response_gets_the_same_session() {
    let shop = Shop::open().await;
    let server = &shop.server;
    for (path, body) in shop.upgrades() {
        let guest = server.anonymous_login().await;
        add_to_cart(server, &guest.access, 1, 2).await;

        let member = check_retry(server, path, &guest, &body).await;

        assert_eq!(cart(server, &member.access).await, [(1, 2)], "{path}");
        server.send(authorized("DELETE", "/me/cart/1", &member.access, None)).await;
        // The new session is refreshed: the client has it. The key is at its end.
        let next = server.refresh(&member.refresh).await.tokens();
        let late = server.send(keyed(path, &guest.refresh, &body, KEY)).await;
        late.assert_refused(409, "idempotency_key_expired");
        assert!(server.accepts(&next.access).await);
        server.database().execute("DELETE FROM upgrade_key");
    }
}

#[tokio::test]
async fn s08_a_retry_with_a_passkey_gets_the_same_session_and_verifies_nothing_twice() {
    let server = Server::open().await;
    let mut browser = Browser::counting();
    for path in ["/register", "/login"] {
        let guest = server.anonymous_login().await;
        let options = server.call("POST", &format!("{path}/options"), &guest.refresh, json!({})).await.json();
        let public_key = options["publicKey"].clone();
        let credential =
            if path == "/register" { browser.create(public_key).await } else { browser.get(public_key).await };
        let passkey = json!({ "challenge_id": options["challenge_id"], "credential": credential });

        check_retry(&server, path, &guest, &json!({ "passkey": passkey })).await;

        server.database().execute("DELETE FROM upgrade_key");
        let again = keyed(path, &guest.refresh, &json!({ "passkey": passkey }), KEY);
        server.send(again).await.assert_problem(401);
    }
}

#[tokio::test]
async fn s08_a_retry_of_a_member_gets_the_same_session() {
    let server = Server::open().await;
    let account = new_member(&server).await;

    let again = check_retry(&server, "/login", &account, &credentials(EMAIL, PASSWORD)).await;

    assert_eq!(again.id, account.id);
    assert_eq!(server.number("SELECT count(*) FROM session WHERE revoked_at IS NULL"), 1);
}

#[tokio::test]
async fn s08_a_retry_may_come_with_the_parent_of_the_refresh_token_that_asked() {
    let server = Server::open().await;
    let body = credentials(EMAIL, PASSWORD);
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    let third = server.refresh(&second.refresh).await.tokens();

    let member = server.send(keyed("/register", &third.refresh, &body, KEY)).await.tokens();

    for token in [&third.refresh, &second.refresh] {
        assert_eq!(server.send(keyed("/register", token, &body, KEY)).await.tokens().refresh, member.refresh);
    }
    let older = server.send(keyed("/register", &first.refresh, &body, KEY)).await;
    older.assert_refused(409, "idempotency_key_reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_concurrent_upgrades_with_one_key_get_one_session() {
    let shop = Shop::open().await;
    let server = &shop.server;
    for (path, body) in shop.upgrades() {
        let guest = server.anonymous_login().await;
        let sessions = server.number("SELECT count(*) FROM session");

        let responses = server.send_concurrently(8, || keyed(path, &guest.refresh, &body, KEY)).await;

        for response in &responses {
            assert_eq!(response.status, 200, "{path}: {response:?}");
            assert_eq!(response.tokens().refresh, responses[0].tokens().refresh, "{path}");
        }
        assert_eq!(server.number("SELECT count(*) FROM session"), sessions + 1, "{path}");
        server.database().execute("DELETE FROM upgrade_key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_of_concurrent_upgrades_of_one_guest_with_different_keys_one_succeeds() {
    let server = Server::open().await;
    let account = new_member(&server).await;
    let guest = server.anonymous_login().await;
    add_to_cart(&server, &guest.access, 1, 2).await;
    let (new, known) = (credentials("eve@example.com", PASSWORD), credentials(EMAIL, PASSWORD));

    let (registered, logged_in) = tokio::join!(
        server.send(keyed("/register", &guest.refresh, &new, KEY)),
        server.send(keyed("/login", &guest.refresh, &known, OTHER_KEY))
    );

    let (accepted, refused) = if registered.status == 200 { (registered, logged_in) } else { (logged_in, registered) };
    refused.assert_problem(401);
    assert_eq!(cart(&server, &accepted.tokens().access).await, [(1, 2)]);
    assert_eq!(server.number("SELECT count(*) FROM upgrade_key"), 1);
    assert!(server.accepts(&account.access).await);
}

#[tokio::test]
async fn s08_without_a_key_a_retry_is_refused() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    server.send(register(&guest.refresh)).await.tokens();

    for request in [register(&guest.refresh), login(&guest.refresh)] {
        server.send(request).await.assert_problem(401);
    }
    // Nor does a key help that the first request did not have.
    let body = credentials(EMAIL, PASSWORD);
    server.send(keyed("/register", &guest.refresh, &body, KEY)).await.assert_problem(401);
}

#[tokio::test]
async fn s08_a_key_gives_another_request_nothing() {
    let server = Server::open().await;
    let (guest, other) = (server.anonymous_login().await, server.anonymous_login().await);
    let body = credentials(EMAIL, PASSWORD);
    let member = server.send(keyed("/register", &guest.refresh, &body, KEY)).await.tokens();

    for request in [
        keyed("/register", &guest.refresh, &credentials(EMAIL, "another horse battery staple"), KEY),
        keyed("/login", &guest.refresh, &body, KEY),
        keyed("/register", &other.refresh, &body, KEY),
        keyed("/login", &other.refresh, &body, KEY),
        keyed("/login", &member.refresh, &body, KEY),
    ] {
        server.send(request).await.assert_refused(409, "idempotency_key_reused");
    }
    let malformed = keyed("/login", &other.refresh, &body, "short");
    server.send(malformed).await.assert_problem(400);

    assert_eq!(server.get("/me", &other.access).await.json()["kind"], "guest");
    assert!(server.accepts(&member.access).await);
}

#[tokio::test]
async fn s08_a_key_expires_after_ten_minutes_and_with_its_session() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    let body = credentials(EMAIL, PASSWORD);
    let member = server.send(keyed("/register", &guest.refresh, &body, KEY)).await.tokens();
    let retry = async || server.send(keyed("/register", &guest.refresh, &body, KEY)).await;

    server.clock.advance(10 * MINUTE - SECOND);
    assert_eq!(retry().await.status, 200);
    server.clock.advance(SECOND);
    retry().await.assert_refused(409, "idempotency_key_expired");
    server.clock.set_back(MINUTE);
    server.revoke(&member.refresh).await;
    retry().await.assert_refused(409, "idempotency_key_expired");

    server.clock.advance(61 * MINUTE);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(server.number("SELECT count(*) FROM upgrade_key"), 0);
    retry().await.assert_problem(401);
}

#[tokio::test]
async fn s04_an_erasure_deletes_the_keys_of_the_member() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    let body = credentials(EMAIL, PASSWORD);
    let member = server.send(keyed("/register", &guest.refresh, &body, KEY)).await.tokens();
    assert_eq!(server.number("SELECT count(*) FROM upgrade_key"), 1);

    assert_eq!(server.send(authorized("DELETE", "/me", &member.refresh, None)).await.status, 204);

    assert_eq!(server.number("SELECT count(*) FROM upgrade_key"), 0);
    server.send(keyed("/register", &guest.refresh, &body, KEY)).await.assert_problem(401);
}

#[tokio::test]
async fn s08_a_key_of_an_anonymous_login_gives_nothing_after_an_upgrade() {
    let shop = Shop::open().await;
    let server = &shop.server;
    for (number, (path, body)) in shop.upgrades().into_iter().enumerate() {
        let key = format!("{KEY}{number}");
        let log_in = || anonymous_login(Some(json!({ "refresh": true })), Some(&key));
        let guest = server.send(log_in()).await.tokens();
        let response: Response = server.call("POST", path, &guest.refresh, body).await;
        assert_eq!(response.status, 200, "{response:?}");

        server.send(log_in()).await.assert_problem(409);
    }
}

/// A node of an older version keeps the session when a guest registers.
#[tokio::test]
async fn s08_a_key_of_an_anonymous_login_never_gives_tokens_of_a_member() {
    let server = Server::open().await;
    let log_in = || anonymous_login(Some(json!({ "refresh": true })), Some(KEY));
    server.send(log_in()).await.tokens();
    server.database().execute("UPDATE anonymous_user SET registered_at = 1");

    server.send(log_in()).await.assert_problem(409);
}
