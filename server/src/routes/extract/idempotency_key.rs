//! The `Idempotency-Key` of a request.

use axum::http::{HeaderMap, StatusCode};
use guestpass_core::wire::{IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_MAX, IDEMPOTENCY_KEY_MIN};

use crate::routes::error::Problem;

/// Reads the key, if the client sent one.
pub(in crate::routes) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let is_valid = |key: &&str| {
        (IDEMPOTENCY_KEY_MIN..=IDEMPOTENCY_KEY_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    match (key.to_str().ok().filter(is_valid), keys.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!(
                "Send {IDEMPOTENCY_KEY} once, with {IDEMPOTENCY_KEY_MIN} to {IDEMPOTENCY_KEY_MAX} characters of base64url."
            ),
        )),
    }
}
