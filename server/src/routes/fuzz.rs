//! See [`crate::fuzz`].

use axum::http::HeaderName;
use serde_json::Value;

use super::body::{OAuthForm, object};
use super::login::LoginBody;
use super::me::cart::{NewLine, NewQuantity};
use crate::fuzz::header_lines;

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
