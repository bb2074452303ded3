//! See [`crate::fuzz`].

use axum::http::HeaderName;
use serde_json::{Map, Value};

use super::body::{OAuthForm, object};
use super::login::LoginBody;
use super::me::cart::{NewLine, NewQuantity};
use super::me::paging::{cursor, position};
use crate::etag::Conditions;
use crate::fuzz::header_lines;
use crate::store::{MergePatch, Preferences, PreferencesChange, PreferencesEdit, DataError};

/// The body of `/token` and `/revoke`.
pub fn token_form(data: &[u8]) {
    let form = OAuthForm::parse(data);

    for name in ["grant_type", "refresh_token", "token"] {
        let values: Vec<_> =
            form_urlencoded::parse(data).filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect();
        match form.parameter(name) {
            Ok(Some(value)) => assert!(values == [value] && !value.is_empty()),
            Ok(None) => assert!(values.is_empty() || values == [""]),
            Err(_) => assert!(values.len() > 1),
        }
    }
}

/// The body of a login.
pub fn login_body(data: &[u8]) {
    if let Ok(LoginBody { refresh, .. }) = object(true, data) {
        // A member that nobody reads may hold what serde cannot: a number beyond every float, half a surrogate pair.
        let Ok(json) = serde_json::from_slice::<Value>(data) else { return };
        assert!(json.is_object());
        assert_eq!(json.get("refresh").unwrap_or(&Value::Bool(false)), &Value::Bool(refresh));
    }
}

/// One `Idempotency-Key` per line.
pub fn idempotency_key(data: &[u8]) {
    let headers = header_lines(&HeaderName::from_static("idempotency-key"), data.split(|byte| *byte == b'\n'));

    match super::idempotency_key::idempotency_key(&headers) {
        Ok(Some(key)) => {
            assert!(headers.len() == 1 && (22..=128).contains(&key.len()));
            assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }
        Ok(None) => assert!(headers.is_empty()),
        Err(_) => assert!(!headers.is_empty()),
    }
}

/// Where the next part of a list begins.
pub fn page_cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(found) = position(text) {
        // Others may be written in more ways than one; ours lead back to where they come from.
        assert_eq!(position(&cursor(found)), Some(found));
    }
}

/// The body of preferences, and of a patch of them.
pub fn preferences(data: &[u8]) {
    let Ok(members) = object::<Map<String, Value>>(true, data) else { return };
    let merged = MergePatch::try_from(members.clone()).map_err(DataError::Preferences).and_then(|patch| {
        let change = PreferencesChange { edit: PreferencesEdit::Merge(patch), conditions: Conditions::default() };
        change.apply(Preferences::default())
    });

    match Preferences::try_from(members.clone()) {
        Ok(preferences) => {
            let json = preferences.to_json();
            assert!(json.len() <= 8192 && members.len() <= 64);
            assert!(members.values().all(|value| value.is_string() || value.is_number() || value.is_boolean()));
            assert_eq!(Preferences::from_json(&json).ok(), Some(preferences.clone()));
            assert_eq!(merged, Ok(preferences));
        }
        // A patch may have nulls, which are no preferences.
        Err(_) => assert!(merged.is_err() || members.values().any(Value::is_null)),
    }
}

/// The bodies of changes to a cart.
pub fn cart_bodies(data: &[u8]) {
    // As in a login's body, a member that nobody reads may hold what serde cannot.
    let Ok(json) = serde_json::from_slice::<Value>(data) else { return };
    let same = |name: &str, value: i64| {
        // 2.0 is 2; an integer that a float cannot hold is compared as one.
        json[name].as_i64() == Some(value) || json[name].as_f64() == Some(value as f64)
    };

    if let Ok(line) = object::<NewLine>(true, data) {
        assert!(json.is_object() && same("item_id", line.item_id) && same("quantity", line.quantity));
    }
    if let Ok(body) = object::<NewQuantity>(true, data) {
        assert!(json.is_object() && same("quantity", body.quantity));
    }
}
