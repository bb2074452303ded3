use guestpass_core::wire::{IDEMPOTENCY_KEY_MIN, TokenResponse};
use guestpass_core::{Expiry, Timestamp};

use crate::handles::handle;

#[test]
fn c13_debug_shows_no_token() {
    let response = TokenResponse {
        access_token: "access".into(),
        token_type: "bearer".into(),
        expires_in: Some(900),
        refresh_token: Some("gpr_refresh".into()),
        anonymous_id: Some("anonymous_1".into()),
    };
    assert_eq!(
        format!("{response:?}"),
        r#"TokenResponse { expires_in: Some(900), anonymous_id: Some("anonymous_1"), .. }"#
    );
    assert!(!format!("{:?}", handle("gpr_refresh")).contains("gpr"));
}

const _: () = assert!(IDEMPOTENCY_KEY_MIN * 6 >= 128, "an idempotency key holds 128 bits");

#[test]
fn c11_a_restored_token_never_outlives_its_lifetime() {
    let now = Timestamp { mono: 5, wall: 1_000 };
    let set_back = Expiry::restored(now, 900_000, 99_000_000);
    assert_eq!(set_back.end.mono, 900_005);
    let set_forward = Expiry::restored(now, 900_000, 10);
    assert_eq!(set_forward.end.mono, 5);
    let ordinary = Expiry::restored(now, 900_000, 601_000);
    assert_eq!(ordinary.end, Timestamp { mono: 600_005, wall: 601_000 });
}
