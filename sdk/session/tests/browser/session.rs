//! One session in one tab: acquire, refresh, errors, sign-out, upgrade, close.

use std::time::Duration;

use guestpass_session::{
    AfterSignOut, Error, ErrorCode, IdentityReason, Kind, OnIdentityLost, Options, Session, SessionEvent,
    SignedOutReason, Status, Upgrade,
};
use js_sys::{Date, Function, JsString};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::AbortSignal;

use crate::fixture::{
    SERVER, code, count, fresh_name, get, js, json, object, open, options, post, refresh_token, request_init, stored,
    until, with_signal,
};

#[wasm_bindgen_test]
async fn a_first_request_makes_a_guest_and_carries_its_token() {
    let session = open(options(&fresh_name()));
    assert_eq!(session.snapshot().status, Status::Idle);
    let response = session.get("/me").await;
    assert_eq!(response.status(), 200);
    let snapshot = session.snapshot();
    let id = snapshot.id.unwrap();
    assert!(id.starts_with("anonymous_"));
    assert_eq!(get(&json(response).await, "id"), id.as_str());
    assert_eq!((snapshot.status, snapshot.kind), (Status::Active, Some(Kind::Guest)));
    assert!(snapshot.expires_at.unwrap() > Date::now());
    assert_eq!(count!(session, SessionEvent::Acquired { .. }), 1);
}

#[wasm_bindgen_test]
async fn c19_calls_at_once_share_one_guest() {
    let session = open(options(&fresh_name()));
    let calls: Vec<_> = (0..20).map(|_| session.token()).collect();
    let token = session.token().await.unwrap();
    for call in calls {
        assert_eq!(call.await.unwrap(), token);
    }
    assert_eq!(count!(session, SessionEvent::Acquired { .. }), 1);
}

#[wasm_bindgen_test]
async fn clones_are_the_same_session() {
    let session = open(options(&fresh_name()));
    let clone = Session::clone(&session);
    assert_eq!(clone.token().await.unwrap(), session.token().await.unwrap());
    assert_eq!(clone.snapshot(), session.snapshot());
    assert!(clone == *session && clone != *open(options(&fresh_name())));
    clone.close();
    assert_eq!(session.snapshot().status, Status::Closed);
}

#[wasm_bindgen_test]
async fn an_expired_token_is_refreshed_and_the_guest_stays() {
    let session = open(options(&fresh_name()));
    let (first, id) = (session.token().await.unwrap(), session.snapshot().id);
    session.expire();
    let second = session.token().await.unwrap();
    assert_ne!(first, second);
    assert_eq!(session.snapshot().id, id);
    assert_eq!(count!(session, SessionEvent::Refreshed { generation: 2.0, .. }), 1);
    assert_eq!(session.get("/me").await.status(), 200);
}

#[wasm_bindgen_test]
async fn c03_a_refused_token_is_renewed_and_the_request_replayed_once() {
    let name = fresh_name();
    let session = open(options(&name));
    session.token().await.unwrap();
    let id = session.snapshot().id;
    revoke(&refresh_token(&name)).await;

    let init = post(&r#"{"add":{"quantity":2}}"#.into(), &[("Content-Type", "application/json".into())]);
    let response = session.fetch_with("/me/cart/1", &init).await.unwrap();
    assert_eq!(response.status(), 201, "replayed with its method, headers and body");
    assert_eq!(count!(session, SessionEvent::Unauthorized { generation: 1.0, .. }), 1);
    let identities: Vec<_> =
        session.events().into_iter().filter(|event| matches!(event, SessionEvent::Identity { .. })).collect();
    let [SessionEvent::Identity { old_id, new_id, reason, .. }] = &identities[..] else { panic!("{identities:?}") };
    assert_eq!((old_id, new_id), (&id, &session.snapshot().id));
    assert_eq!(*reason, IdentityReason::InvalidGrant);
}

#[wasm_bindgen_test]
async fn with_the_policy_stop_a_session_that_the_server_ended_stays_ended() {
    let name = fresh_name();
    let session = open(options(&name).on_identity_lost(OnIdentityLost::Stop));
    session.token().await.unwrap();
    revoke(&refresh_token(&name)).await;
    session.expire();
    assert_eq!(code(&session.token().await.unwrap_err()), Some(ErrorCode::SessionEnded));
    assert_eq!(session.snapshot().status, Status::Ended);
    session.start().await.unwrap();
    assert!(session.token().await.is_ok(), "a new guest");
}

#[wasm_bindgen_test]
async fn the_callers_own_authorization_header_is_kept() {
    let session = open(options(&fresh_name()));
    let init = request_init(&[("headers", object(&[("Authorization", "Bearer mine".into())]))]);
    let response = session.fetch_with("/me", &init).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(session.changes(), 0, "no session was needed");
}

#[wasm_bindgen_test]
async fn c04_an_unreachable_server_is_a_network_error_by_the_deadline() {
    // Port 9 of the loopback address: nothing listens there.
    let base_url = JsString::from("http://127.0.0.1:9");
    let session = open(Options::new(base_url).name(fresh_name()).timeout(Duration::from_secs(1)));
    let error = session.token().await.unwrap_err();
    assert!(error.is_instance_of::<js_sys::Error>());
    assert_eq!(code(&error), Some(ErrorCode::Network));
    assert_eq!(session.snapshot().status, Status::Unavailable);
    assert_eq!(session.snapshot().error.unwrap().code, ErrorCode::Network);
    assert!(count!(session, SessionEvent::Retrying { code: ErrorCode::Network, .. }) > 0);
    // None while an attempt is under way.
    until("the next attempt is announced", || session.snapshot().error.is_some_and(|error| error.retry_at.is_some()))
        .await;
}

#[wasm_bindgen_test]
async fn a_wrong_base_url_rejects_at_once() {
    let base_url = JsString::from(format!("{SERVER}/nowhere"));
    let session = open(Options::new(base_url).name(fresh_name()));
    let error = session.token().await.unwrap_err();
    assert_eq!(code(&error), Some(ErrorCode::Rejected));
    assert!(get(&error, "message").as_string().unwrap().contains("baseUrl"));
}

#[wasm_bindgen_test]
async fn with_an_invalid_base_url_calls_reject_like_fetch() {
    let session = open(Options::new("shop").name(fresh_name()));
    let error = session.fetch("/me").await.unwrap_err();
    assert_eq!(get(&error, "name"), "TypeError");
}

#[wasm_bindgen_test]
async fn a_rejection_converts_into_a_rust_error() {
    let session = open(options(&fresh_name()));
    let refused = log_in(&session, &stranger()).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Refused));
    assert!(refused.status().is_some_and(|status| status >= 400));
    assert!(refused.to_string().contains(&refused.reason().unwrap()));
    let aborted = AbortSignal::abort_with_reason(&"enough".into());
    let aborted = Error::from(session.token_with(with_signal(&aborted)).await.unwrap_err());
    assert_eq!((aborted.code(), aborted.status(), aborted.reason()), (None, None, None));
    assert_eq!(JsValue::from(aborted), "enough");
}

async fn log_in(session: &Session, member: &JsValue) -> Result<(), Error> {
    session.upgrade(Upgrade::Login, member).await?;
    Ok(())
}

/// The credentials of a member that does not exist.
fn stranger() -> JsValue {
    object(&[("email", "stranger@example.com".into()), ("password", "correct horse".into())])
}

#[wasm_bindgen_test]
async fn errors_have_the_class_of_the_options() {
    let class = js("class ShopError extends Error {
        constructor(code, message, details) { super(message); this.code = code; this.details = details }
    }");
    let error_class = class.clone().unchecked_into::<Function>();
    let session = open(options(&fresh_name()).error_class(error_class));
    session.token().await.unwrap();
    let error = session.upgrade(Upgrade::Login, &stranger()).await.unwrap_err();
    assert_eq!(get(&error, "constructor"), class);
    assert_eq!(code(&error), Some(ErrorCode::Refused));
    assert!(get(&get(&error, "details"), "status").as_f64().unwrap() >= 400.0);
    assert!(get(&get(&error, "details"), "reason").is_string());
    session.close();
    let error = session.token().await.unwrap_err();
    assert_eq!((get(&error, "constructor"), code(&error)), (class, Some(ErrorCode::Closed)));
}

#[wasm_bindgen_test]
async fn c16_close_is_idempotent_and_rejects_waiting_calls() {
    let session = open(options(&fresh_name()));
    let waiting = session.token();
    session.close();
    session.close();
    assert_eq!(code(&waiting.await.unwrap_err()), Some(ErrorCode::Closed));
    assert_eq!(code(&session.token().await.unwrap_err()), Some(ErrorCode::Closed));
    assert_eq!(code(&session.fetch("/me").await.unwrap_err()), Some(ErrorCode::Closed));
    assert_eq!(session.snapshot().status, Status::Closed);
}

#[wasm_bindgen_test]
async fn c15_listeners_are_called_only_after_changes() {
    let session = open(options(&fresh_name()));
    session.token().await.unwrap();
    let (reports, snapshot) = (session.changes(), session.snapshot());
    session.token().await.unwrap();
    session.get("/me").await;
    assert_eq!(session.changes(), reports);
    assert_eq!(session.snapshot(), snapshot);
}

#[wasm_bindgen_test]
async fn start_reads_the_storage_without_a_request_to_the_server() {
    let name = fresh_name();
    let first = open(options(&name));
    first.start().await.unwrap();
    assert_eq!(first.snapshot().status, Status::Idle, "nothing is stored");
    assert!(stored(&name).is_undefined());
    first.token().await.unwrap();
    let id = first.snapshot().id;
    first.close();

    let second = open(options(&name));
    second.start().await.unwrap();
    assert_eq!((second.snapshot().status, second.snapshot().id), (Status::Active, id));
}

#[wasm_bindgen_test]
async fn a_permanent_sign_out_lasts_until_start_resets_it() {
    let name = fresh_name();
    let session = open(options(&name));
    let token = session.token().await.unwrap();
    session.sign_out(AfterSignOut::None).await.unwrap();
    assert_eq!(code(&session.token().await.unwrap_err()), Some(ErrorCode::SignedOut));
    let reloaded = open(options(&name));
    reloaded.start().await.unwrap();
    assert_eq!(code(&reloaded.token().await.unwrap_err()), Some(ErrorCode::SignedOut));
    reloaded.start_reset().await.unwrap();
    assert_ne!(reloaded.token().await.unwrap(), token);
}

#[wasm_bindgen_test]
async fn a_guest_becomes_a_member_under_the_same_uuid_and_is_erased() {
    let session = open(options(&fresh_name()));
    session.token().await.unwrap();
    let guest = session.snapshot().id.unwrap();
    let email = format!("{}@example.com", fresh_name());
    let body = object(&[("email", email.as_str().into()), ("password", "correct horse battery staple".into())]);
    let member = session.upgrade(Upgrade::Register, &body).await.unwrap();
    assert_eq!(get(&member, "email"), email.as_str());
    for token in ["access_token", "refresh_token"] {
        assert!(get(&member, token).is_undefined(), "C13: {token}");
    }
    let snapshot = session.snapshot();
    assert_eq!(snapshot.kind, Some(Kind::User));
    assert_eq!(snapshot.id.unwrap().strip_prefix("user_"), guest.strip_prefix("anonymous_"));
    assert_eq!(count!(session, SessionEvent::Identity { reason: IdentityReason::Registered, .. }), 1);
    assert_eq!(session.get("/me").await.status(), 200);

    let export = session.export().await.unwrap();
    assert_eq!(get(&export, "email"), email.as_str());
    let refused = session.get("/me/export").await;
    assert_eq!(refused.status(), 403, "an access token exports nothing");

    session.erase().await.unwrap();
    assert_eq!(count!(session, SessionEvent::SignedOut { reason: SignedOutReason::Erased, .. }), 1);
    assert_eq!(session.snapshot().status, Status::SignedOut);
}

/// Ends a session at the server, like another device or an operator.
async fn revoke(token: &JsString) {
    let form = gloo_net::http::Request::post(&format!("{SERVER}/revoke"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(JsString::from("token=").concat(token));
    assert!(form.unwrap().send().await.unwrap().ok());
}
