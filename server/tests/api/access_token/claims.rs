//! The claims of an access token

use guestpass_server::Algorithm;
use serde_json::json;

use super::Forger;
use crate::support::SECOND;

#[tokio::test]
async fn s09_issuer_audience_and_client_are_required_and_exact() {
    let forger = Forger::new(Algorithm::EdDsa).await;

    for claim in ["iss", "aud", "client_id"] {
        forger.assert_refused(&forger.with_claims(json!({ claim: "http://localhost:8000/" })), "another").await;
        forger.assert_refused(&forger.with_claims(json!({ claim: "" })), "another").await;
        forger.assert_refused(&forger.with_claims(json!({ claim: null })), "claims").await;
        forger.assert_refused(&forger.with_claims(json!({ claim: ["guestpass"] })), "claims").await;
    }
}

#[tokio::test]
async fn s09_every_other_claim_is_required_too() {
    let forger = Forger::new(Algorithm::EdDsa).await;

    for claim in ["sub", "iat", "exp", "jti", "sid"] {
        forger.assert_refused(&forger.with_claims(json!({ claim: null })), "claims").await;
    }
    for subject in ["", "anonymous_", "anonymous_x", "admin", "user_", "user_x", "0197f2f0-0000-7000-8000-000000000000"]
    {
        forger.assert_refused(&forger.with_claims(json!({ "sub": subject })), "claims").await;
    }
    forger.assert_refused(&forger.with_claims(json!({ "sid": "x" })), "claims").await;
}

#[tokio::test]
async fn s09_a_token_expires_exactly_at_exp() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let now = forger.server.clock.secs();
    let expires_next = forger.with_claims(json!({ "exp": now + 1 }));

    forger.assert_refused(&forger.with_claims(json!({ "exp": now })), "expired").await;
    forger.assert_accepted(&expires_next).await;
    forger.server.clock.advance(SECOND);
    forger.assert_refused(&expires_next, "expired").await;
    for exp in [json!("9999999999"), json!(9_999_999_999.5), json!(true), json!(1e300), json!([now + 60])] {
        forger.assert_refused(&forger.with_claims(json!({ "exp": exp })), "claims").await;
    }
    for exp in [json!(-1), json!(0), json!(i64::MIN)] {
        forger.assert_refused(&forger.with_claims(json!({ "exp": exp })), "expired").await;
    }

    // Expiry is exact to the millisecond. The test clock starts at a quarter of a second; this moves it to a whole second.
    let expires_now = forger.with_claims(json!({ "exp": now + 2 }));
    forger.server.clock.advance(SECOND * 3 / 4);
    forger.assert_refused(&expires_now, "expired").await;
}

#[tokio::test]
async fn s09_iat_and_nbf_may_be_at_most_five_seconds_in_the_future() {
    let forger = Forger::new(Algorithm::EdDsa).await;
    let now = forger.server.clock.secs();

    for claim in ["iat", "nbf"] {
        forger.assert_accepted(&forger.with_claims(json!({ claim: now + 5 }))).await;
        forger.assert_refused(&forger.with_claims(json!({ claim: now + 6 })), "not valid yet").await;
        forger.assert_refused(&forger.with_claims(json!({ claim: i64::MAX })), "not valid yet").await;
        forger.assert_refused(&forger.with_claims(json!({ claim: "0" })), "claims").await;
        forger.assert_refused(&forger.with_claims(json!({ claim: 0.5 })), "claims").await;
    }
}
