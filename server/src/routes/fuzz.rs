//! See [`crate::fuzz`].

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::anonymous_login::LoginBody;
use super::extract::OAuthForm;
use super::extract::fuzz::object;
use super::me::cart::{NewLine, NewQuantity};
use super::me::paging::{cursor, position};
use crate::etag::Conditions;
use crate::store::{DataError, MergePatch, Preferences, PreferencesChange, PreferencesEdit};

pub use super::extract::fuzz::{authorization, conditions, forwarded};

/// One header field per line, as far as the line is a valid value.
pub(super) fn header_lines<'a>(name: &HeaderName, lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).map(|value| (name.clone(), value)).collect()
}

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
        // An ignored member may contain what serde_json cannot represent: a number beyond every float, half a surrogate pair.
        let Ok(json) = serde_json::from_slice::<Value>(data) else { return };
        assert!(json.is_object());
        assert_eq!(json.get("refresh").unwrap_or(&Value::Bool(false)), &Value::Bool(refresh));
    }
}

/// One `Idempotency-Key` per line.
pub fn idempotency_key(data: &[u8]) {
    let headers = header_lines(&HeaderName::from_static("idempotency-key"), data.split(|byte| *byte == b'\n'));

    match super::extract::idempotency_key(&headers) {
        Ok(Some(key)) => {
            assert!(headers.len() == 1 && (22..=128).contains(&key.len()));
            assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }
        Ok(None) => assert!(headers.is_empty()),
        Err(_) => assert!(!headers.is_empty()),
    }
}

/// The cursor of a page.
pub fn page_cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(found) = position(text) {
        // A cursor may have several spellings; the spelling of this server parses to the same position.
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
        // A patch may contain nulls, which preferences may not.
        Err(_) => assert!(merged.is_err() || members.values().any(Value::is_null)),
    }
}

/// The bodies of changes to a cart.
pub fn cart_bodies(data: &[u8]) {
    // As in the body of a login, an ignored member may contain what serde_json cannot represent.
    let Ok(json) = serde_json::from_slice::<Value>(data) else { return };
    let same = |name: &str, value: i64| {
        // 2.0 equals 2; an integer that a float cannot represent is compared as a float.
        json[name].as_i64() == Some(value) || json[name].as_f64() == Some(value as f64)
    };

    if let Ok(line) = object::<NewLine>(true, data) {
        assert!(json.is_object() && same("item_id", line.item_id) && same("quantity", line.quantity));
    }
    if let Ok(body) = object::<NewQuantity>(true, data) {
        assert!(json.is_object() && same("quantity", body.quantity));
    }
}
