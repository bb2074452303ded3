//! See [`crate::fuzz`].

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::anonymous_login::LoginBody;
use super::extract::OAuthForm;
use super::extract::fuzz::{json, object};
use super::me::collection::{cursor, position};
use super::me::entry::AdditionBody;
use crate::clock::Timestamp;
use crate::collections::{Addition, Collections, Decision, Edit, Entry, EntryChange, Key};
use crate::etag::Conditions;

pub use super::extract::fuzz::{accept_language, authorization, conditions, forwarded};

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
        assert_eq!(position(&cursor(&found)), Some(found));
    }
}

/// The bodies of changes of an entry: a value, a merge patch and an addition.
pub fn entry_bodies(data: &[u8]) {
    let cart = Collections::default().get("cart").cloned();
    let (Ok(value), Some(cart), Ok(key)) = (json::<Value>(true, data), cart, Key::try_from("mug".to_owned())) else {
        return;
    };
    let before = Entry {
        key: key.as_str().to_owned(),
        value: serde_json::json!({ "quantity": 98, "note": { "text": "a" } }),
        created_at: Timestamp::from_secs(1),
        updated_at: Timestamp::from_secs(2),
    };
    let addition = object::<AdditionBody>(true, data).ok().map(|body| Edit::Add(Addition(body.add)));
    let edits = [Some(Edit::Put(value.clone())), Some(Edit::Patch(value.clone())), addition];

    for edit in edits.into_iter().flatten() {
        for current in [None, Some(&before)] {
            let (collection, key, conditions) = (Arc::clone(&cart), key.clone(), Conditions::default());
            let now = Timestamp::from_secs(3);
            let change = EntryChange { collection, key, edit: edit.clone(), conditions, addition_key: None, now };
            let entry_after = |current: Option<&Entry>| match change.decide(current, 0) {
                Ok(Decision::Write { entry, .. }) => Some(entry),
                _ => None,
            };
            let Some(entry) = entry_after(current) else { continue };
            let text = entry.value.to_string();
            assert!(text.len() <= cart.value_bytes);
            // The value comes back from the store as it was.
            assert_eq!(serde_json::from_str::<Value>(&text).ok().as_ref(), Some(&entry.value));
            assert!(entry.value["quantity"].as_f64().is_some_and(|quantity| (1.0..=99.0).contains(&quantity)));
            assert!(!matches!(edit, Edit::Put(_)) || entry.value == value);
            // Applied to its own result, a patch changes nothing.
            if matches!(edit, Edit::Patch(_)) {
                assert_eq!(entry_after(Some(&entry)).map(|again| again.value), Some(entry.value));
            }
        }
    }
}

/// The percent-decoded key of an entry.
pub fn entry_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = Key::try_from(text.to_owned()) {
        assert!(key.as_str() == text && (1..=512).contains(&data.len()));
        assert!(!text.contains(char::is_control) && text != "." && text != "..");
    }
}
