//! Signing up and in with passkeys, which a real authenticator makes (in software, the one of 1Password's crate)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use serde_json::{Value, json};

use crate::membership::{EMAIL, PASSWORD, add_to_cart, cart, credentials, member, user, uuid_of};
use crate::support::{Answer, MINUTE, SECOND, Server, Tokens};

/// Somebody who looks at the device, and is recognised.
struct Present;

#[async_trait::async_trait]
impl UserValidationMethod for Present {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A browser with a device that keeps one passkey.
struct Browser {
    kept: Option<Passkey>,
    page: url::Url,
}

impl Browser {
    fn on(page: &str) -> Self {
        Self { kept: None, page: page.parse().unwrap() }
    }

    fn device(&self) -> Authenticator<Option<Passkey>, Present, RustCryptoBackend> {
        Authenticator::new(Aaguid::new_empty(), self.kept.clone(), Present, RustCryptoBackend)
    }

    /// `navigator.credentials.create`
    async fn create(&mut self, public_key: Value) -> Value {
        let mut client = Client::new(self.device()).allows_insecure_localhost(true);
        let options = serde_json::from_value(for_device(public_key)).unwrap();
        let made = client.register(&self.page, options, DefaultClientData).await.unwrap();
        self.kept = client.authenticator().store().clone();
        as_browsers_write(serde_json::to_value(made).unwrap())
    }

    /// `navigator.credentials.get`
    async fn get(&mut self, public_key: Value) -> Value {
        let mut client = Client::new(self.device()).allows_insecure_localhost(true);
        let options = serde_json::from_value(for_device(public_key)).unwrap();
        let made = client.authenticate(&self.page, options, DefaultClientData).await.unwrap();
        self.kept = client.authenticator().store().clone();
        as_browsers_write(serde_json::to_value(made).unwrap())
    }
}

/// The device knows none of the extensions, which is its right; and to it, an empty list of passkeys is none, not all.
fn for_device(mut public_key: Value) -> Value {
    let options = public_key.as_object_mut().unwrap();
    options.remove("extensions");
    assert_eq!(options.remove("allowCredentials").unwrap_or(json!([])), json!([]));
    json!({ "publicKey": public_key })
}

/// `toJSON()`: bytes are base64url.
fn as_browsers_write(value: Value) -> Value {
    match value {
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_u64) => {
            let bytes: Vec<u8> = list.iter().map(|byte| byte.as_u64().unwrap().try_into().unwrap()).collect();
            URL_SAFE_NO_PAD.encode(bytes).into()
        }
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, as_browsers_write(member))).collect(),
        other => other,
    }
}

async fn options(server: &Server, path: &str, tokens: &Tokens, body: Value) -> (Value, Value) {
    let answer = server.call("POST", path, &tokens.access, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    (json["challenge_id"].clone(), json["publicKey"].clone())
}

fn passkey(challenge: &Value, credential: &Value) -> Value {
    json!({ "challenge_id": challenge, "credential": credential })
}

async fn sign_up(server: &Server, browser: &mut Browser, tokens: &Tokens) -> (Value, Answer) {
    let (challenge, public_key) = options(server, "/register/options", tokens, json!({ "email": EMAIL })).await;
    let credential = browser.create(public_key).await;
    let body = json!({ "email": EMAIL, "passkey": passkey(&challenge, &credential) });
    let answer = server.call("POST", "/register", &tokens.access, body.clone()).await;
    (body, answer)
}

async fn sign_in(server: &Server, browser: &mut Browser, tokens: &Tokens) -> (Value, Answer) {
    let (challenge, public_key) = options(server, "/login/options", tokens, json!({})).await;
    let credential = browser.get(public_key).await;
    let body = json!({ "passkey": passkey(&challenge, &credential) });
    let answer = server.call("POST", "/login", &tokens.access, body.clone()).await;
    (body, answer)
}

#[tokio::test]
async fn s08_a_guest_signs_up_with_one_touch_and_in_with_another() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.login().await;
    add_to_cart(&server, &account.access, 1, 2).await;

    let (_, answer) = sign_up(&server, &mut browser, &account).await;

    answer.assert_member(&user(&account.id), "registered", false);
    assert_eq!(answer.json()["email"], EMAIL);
    assert_eq!(server.get("/me", &account.access).await.json()["passkeys"], 1);
    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let (_, answer) = sign_in(&server, &mut browser, &guest).await;
    answer.assert_member(&user(&account.id), "logged_in", true);
    assert_eq!(cart(&server, &guest.access).await, [(1, 5)]);
    assert_eq!(server.refresh(&guest.refresh).await.tokens().id, user(&account.id));
    assert_eq!(server.number("SELECT count(*) FROM ceremony"), 0);
}

#[tokio::test]
async fn s08_a_registration_or_login_whose_answer_was_lost_is_repeated() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.login().await;
    let (body, first) = sign_up(&server, &mut browser, &account).await;
    assert_eq!(server.call("POST", "/register", &account.access, body).await.json(), first.json());

    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let (body, first) = sign_in(&server, &mut browser, &guest).await;
    let again = server.call("POST", "/login", &guest.access, body).await;

    assert_eq!((again.status, again.json()), (first.status, first.json()));
    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn s08_one_answer_sent_at_once_makes_one_account_and_one_merge() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.login().await;
    let (challenge, public_key) = options(&server, "/register/options", &account, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.create(public_key).await) });
    let request = |path: &'static str, access: &str, body: &Value| {
        crate::support::authorized("POST", path, access, Some(body.clone()))
    };
    for answer in server.send_at_once(6, || request("/register", &account.access, &body)).await {
        answer.assert_member(&user(&account.id), "registered", false);
        assert_eq!(answer.json()["email"], Value::Null);
    }

    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.get(public_key).await) });
    for answer in server.send_at_once(6, || request("/login", &guest.access, &body)).await {
        answer.assert_member(&user(&account.id), "logged_in", true);
    }

    assert_eq!(cart(&server, &account.access).await, [(1, 3)]);
}

#[tokio::test]
async fn c18_an_answer_is_good_for_the_caller_who_was_asked_and_once() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let (account, guest) = (server.login().await, server.login().await);
    let (body, _) = sign_up(&server, &mut browser, &account).await;

    // Somebody who has read along.
    server.call("POST", "/register", &guest.access, body).await.assert_refused(422, "challenge_expired");
    let victim = server.login().await;
    let (body, answer) = sign_in(&server, &mut browser, &victim).await;
    answer.assert_member(&user(&account.id), "logged_in", true);
    server.call("POST", "/login", &guest.access, body).await.assert_refused(422, "challenge_expired");

    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
}

#[tokio::test]
async fn c18_a_challenge_is_good_for_five_minutes() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let tokens = server.login().await;
    let (challenge, public_key) = options(&server, "/register/options", &tokens, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.create(public_key).await) });

    server.clock.advance(5 * MINUTE);

    server.call("POST", "/register", &tokens.access, body.clone()).await.assert_refused(422, "challenge_expired");
    server.clock.set_back(SECOND);
    server.call("POST", "/register", &tokens.access, body).await.assert_member(&user(&tokens.id), "registered", false);
}

#[tokio::test]
async fn c18_an_answer_from_another_page_is_refused_and_its_challenge_is_gone() {
    let server = Server::open_with(|config| {
        config.issuer = "https://api.shop.example".to_owned();
        config.passkey_domain = Some("shop.example".to_owned());
        config.passkey_origins = vec!["https://www.shop.example".parse().unwrap()];
    })
    .await;
    let tokens = server.login().await;
    let mut elsewhere = Browser::on("https://evil.shop.example");
    let (challenge, public_key) = options(&server, "/register/options", &tokens, json!({})).await;
    assert_eq!(public_key["rp"]["id"], "shop.example");
    let body = json!({ "passkey": passkey(&challenge, &elsewhere.create(public_key).await) });

    server.call("POST", "/register", &tokens.access, body.clone()).await.assert_refused(422, "invalid_passkey");
    server.call("POST", "/register", &tokens.access, body).await.assert_refused(422, "challenge_expired");

    let mut page = Browser::on("https://www.shop.example");
    let (_, answer) = sign_up(&server, &mut page, &tokens).await;
    answer.assert_member(&user(&tokens.id), "registered", false);
}

#[tokio::test]
async fn c18_what_was_changed_or_is_unknown_is_refused() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.login().await;
    sign_up(&server, &mut browser, &account).await;
    let guest = server.login().await;
    add_to_cart(&server, &guest.access, 1, 3).await;

    // A signature by nobody.
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let mut credential = browser.get(public_key).await;
    let signature = credential["response"]["signature"].as_str().unwrap().to_owned();
    credential["response"]["signature"] = format!("{}AAAA", &signature[..signature.len() - 4]).into();
    let body = json!({ "passkey": passkey(&challenge, &credential) });
    server.call("POST", "/login", &guest.access, body).await.assert_refused(422, "invalid_passkey");

    // The passkey of one as that of another.
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let mut credential = browser.get(public_key).await;
    credential["response"]["userHandle"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
    let body = json!({ "passkey": passkey(&challenge, &credential) });
    server.call("POST", "/login", &guest.access, body).await.assert_refused(422, "invalid_passkey");

    // A passkey of an account that is gone.
    let (challenge, public_key) = options(&server, "/login/options", &guest, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.get(public_key).await) });
    server.database().execute(&format!("DELETE FROM anonymous_user WHERE id = '{}'", uuid_of(&account.id)));
    server.call("POST", "/login", &guest.access, body).await.assert_refused(403, "invalid_credentials");

    for body in [json!({ "passkey": passkey(&json!("x"), &json!({})) }), json!({ "passkey": {} })] {
        server.call("POST", "/login", &guest.access, body).await.assert_problem(422);
    }
    let nothing = json!({ "passkey": passkey(&challenge, &json!({})) });
    for path in ["/login", "/register"] {
        server.call("POST", path, &guest.access, nothing.clone()).await.assert_refused(422, "invalid_passkey");
    }
    assert_eq!(cart(&server, &guest.access).await, [(1, 3)]);
    assert_eq!(server.get("/me", &guest.access).await.json()["id"], guest.id);
}

#[tokio::test]
async fn c18_a_challenge_of_one_kind_is_none_of_the_other() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.login().await;
    let (challenge, _) = options(&server, "/login/options", &account, json!({})).await;
    let (_, public_key) = options(&server, "/register/options", &account, json!({})).await;
    let body = json!({ "passkey": passkey(&challenge, &browser.create(public_key).await) });

    server.call("POST", "/register", &account.access, body).await.assert_refused(422, "challenge_expired");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_before_a_passkey_is_made() {
    let server = Server::open().await;
    let account = member(&server).await;
    let guest = server.login().await;
    let call = async |tokens: &Tokens, body| server.call("POST", "/register/options", &tokens.access, body).await;

    call(&guest, json!({ "email": EMAIL })).await.assert_refused(409, "email_taken");
    call(&guest, json!({ "email": "x" })).await.assert_refused(422, "invalid_email");
    call(&account, json!({})).await.assert_refused(409, "already_member");
}

#[tokio::test]
async fn an_account_without_a_password_has_none_that_is_right() {
    let server = Server::open().await;
    let mut browser = Browser::on("http://localhost:8000");
    let account = server.login().await;
    sign_up(&server, &mut browser, &account).await;
    let guest = server.login().await;

    let answer = server.call("POST", "/login", &guest.access, credentials(EMAIL, PASSWORD)).await;

    answer.assert_refused(403, "invalid_credentials");
}

#[tokio::test]
async fn challenges_are_few_for_each_caller_and_are_swept() {
    let server = Server::open().await;
    let tokens = server.login().await;
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
async fn a_server_without_a_domain_says_that_it_has_no_passkeys() {
    let server = Server::open_with(|config| config.issuer = "http://127.0.0.1:8000".to_owned()).await;
    let tokens = server.login().await;

    for path in ["/register/options", "/login/options"] {
        server.call("POST", path, &tokens.access, json!({})).await.assert_refused(422, "passkeys_unavailable");
    }
}
