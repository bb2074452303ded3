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

const _: () = assert!(IDEMPOTENCY_KEY_MIN * 6 >= 128, "an idempotency key has 128 bits");

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

/// The session manager reads these members by name; the server serializes the types.
#[cfg(feature = "serde")]
#[test]
fn the_names_of_members_agree_with_the_serialized_types() {
    use guestpass_core::wire::{MembershipOutcome, MembershipResponse, member};

    let token = serde_json::to_value(TokenResponse {
        access_token: "access".into(),
        token_type: "bearer".into(),
        expires_in: Some(900),
        refresh_token: Some("gpr_refresh".into()),
        anonymous_id: Some("anonymous_1".into()),
    })
    .unwrap();
    for name in [member::ACCESS_TOKEN, member::EXPIRES_IN, member::REFRESH_TOKEN, member::ANONYMOUS_ID] {
        assert!(token.get(name).is_some(), "{name}");
    }
    let membership = MembershipResponse {
        id: "user_1".into(),
        kind: "user".into(),
        email: None,
        outcome: MembershipOutcome::LoggedIn,
        merged: true,
        access_token: "access".into(),
        token_type: "bearer".into(),
        expires_in: 900,
        refresh_token: "gpr_refresh".into(),
    };
    assert!(!format!("{membership:?}").contains("gpr"), "c13");
    let json = serde_json::json!({
        member::ID: "user_1", "kind": "user", "email": null, "outcome": "logged_in", "merged": true,
        member::ACCESS_TOKEN: "access", "token_type": "bearer", member::EXPIRES_IN: 900, member::REFRESH_TOKEN: "gpr_refresh",
    });
    assert_eq!(serde_json::to_value(membership).unwrap(), json);
}
