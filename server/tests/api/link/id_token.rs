//! The rules of an ID token: its algorithm, header, claims and nonce

use serde_json::{Value, json};

use super::{link, server_with_issuer};
use crate::support::membership::user_id;
use crate::support::oidc_issuer::{Issuer, SigningKey};
use crate::support::{SECOND, Server};

#[tokio::test]
async fn id_tokens_of_every_supported_algorithm_are_accepted() {
    let (server, issuer, _) = server_with_issuer().await;
    let keys = [SigningKey::es256("a"), SigningKey::rs256("b"), SigningKey::eddsa("c")];
    issuer.publish(&keys.iter().map(SigningKey::jwk).collect::<Vec<_>>());

    for key in keys {
        let guest = server.anonymous_login().await;
        let token = key.sign(&issuer.claims(key.algorithm(), server.clock.secs()));
        link(&server, &guest, &token).await.assert_member(&user_id(&guest.id), "registered", false);
    }
}

#[tokio::test]
async fn c18_each_rule_of_an_id_token_is_enforced() {
    let (server, issuer, key) = server_with_issuer().await;
    let guest = server.anonymous_login().await;
    let now = server.clock.secs();
    let valid_claims = issuer.claims("ada", now);
    let with = |name: &str, value: Value| {
        let mut claims = valid_claims.clone();
        claims[name] = value;
        key.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = valid_claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        key.sign(&claims)
    };
    let header = |header: Value| key.sign_with(&header, &valid_claims.to_string());
    let es256 = |name: &str, value: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "first" });
        header[name] = value;
        header
    };
    let token = key.sign(&valid_claims);
    let parts: Vec<_> = token.split('.').collect();
    let other_key = SigningKey::es256("first");
    let twice = valid_claims.to_string().replacen('{', "{\"sub\":\"eve\",", 1);

    let invalid = [
        with("iss", "https://evil.example".into()),
        with("iss", format!("{}/", issuer.url).into()),
        with("aud", "another".into()),
        with("aud", json!([])),
        with("aud", json!(["shop", "another"])),
        with("azp", "another".into()),
        with("exp", now.into()),
        with("exp", "soon".into()),
        with("iat", (now + 61).into()),
        with("iat", (now - 11 * 60).into()),
        with("nbf", (now + 61).into()),
        with("sub", "".into()),
        with("sub", "a".repeat(256).into()),
        with("sub", 1.into()),
        with("nonce", "n-0S6_WzA2Mj".into()),
        // A logout token (OpenID Connect Back-Channel Logout §2.4).
        with("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        without("iss"),
        without("sub"),
        without("aud"),
        without("exp"),
        without("iat"),
        header(es256("alg", "none".into())),
        header(es256("alg", "HS256".into())),
        header(es256("alg", "RS256".into())),
        header(es256("kid", "second".into())),
        header(es256("typ", "at+jwt".into())),
        header(es256("crit", json!(["exp"]))),
        key.sign_with(&es256("typ", "JWT".into()), &twice),
        key.sign_with(&es256("typ", "JWT".into()), &json!([valid_claims["iss"], valid_claims["sub"]]).to_string()),
        other_key.sign(&valid_claims),
        other_key.sign_with(&es256("jwk", other_key.jwk()), &valid_claims.to_string()),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.x"),
        format!("{token}="),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        String::new(),
        "x".repeat(9000),
        guest.access.clone(),
    ];
    for token in invalid {
        let response = link(&server, &guest, &token).await;
        response.assert_refused(403, "invalid_id_token");
    }

    assert_eq!(server.get("/me", &guest.access).await.json()["kind"], "guest");
    // These tokens are unusual and valid.
    for (number, token) in [
        with("aud", json!(["shop"])),
        with("nbf", now.into()),
        with("iat", (now + 60).into()),
        header(json!({ "alg": "ES256" })),
        header(es256("x5t", "x".into())),
    ]
    .into_iter()
    .enumerate()
    {
        let guest = server.anonymous_login().await;
        let response = link(&server, &guest, &token).await;
        assert_eq!(response.status, 200, "{number}: {response:?}");
    }
}

#[tokio::test]
async fn several_audiences_are_accepted_if_azp_is_the_client() {
    let (server, issuer, key) = server_with_issuer().await;
    let mut claims = issuer.claims("ada", server.clock.secs());
    claims["aud"] = json!(["another", "shop"]);
    claims["azp"] = "shop".into();
    let guest = server.anonymous_login().await;

    link(&server, &guest, &key.sign(&claims)).await.assert_member(&user_id(&guest.id), "registered", false);
}

#[tokio::test]
async fn the_nonce_of_the_request_must_equal_that_of_the_id_token() {
    let (server, issuer, key) = server_with_issuer().await;
    let guest = server.anonymous_login().await;
    let mut claims = issuer.claims("ada", server.clock.secs());
    let without_nonce = key.sign(&claims);
    claims["nonce"] = "n-0S6_WzA2Mj".into();
    let token = key.sign(&claims);
    let call = async |token: &str, nonce: &str| {
        server.call("POST", "/link", &guest.refresh, json!({ "id_token": token, "nonce": nonce })).await
    };

    call(&without_nonce, "n-0S6_WzA2Mj").await.assert_refused(403, "invalid_id_token");
    call(&token, "another").await.assert_refused(403, "invalid_id_token");
    let response = link(&server, &guest, &token).await;
    response.assert_refused(403, "invalid_id_token");
    assert_eq!(
        response.json()["detail"],
        "The ID token is refused: it has a nonce, and the request has none; send the nonce of the authentication request."
    );
    call(&token, "n-0S6_WzA2Mj").await.assert_member(&user_id(&guest.id), "registered", false);
}

/// The SHA-256 of the nonce `n-0S6_WzA2Mj`, in hexadecimal and in base64url.
const HASHED: [&str; 2] =
    ["0823a09b54cb9381561068b00aaf4e539b3f54604631d3e6a820879b6b04cc19", "CCOgm1TLk4FWEGiwCq9OU5s_VGBGMdPmqCCHm2sEzBk"];

#[tokio::test]
async fn the_id_token_may_have_the_sha256_of_the_nonce() {
    let (server, issuer, key) = server_with_issuer().await;
    for hashed in HASHED {
        server.clock.advance(SECOND);
        let guest = server.anonymous_login().await;
        let mut claims = issuer.claims(hashed, server.clock.secs());
        claims["nonce"] = hashed.into();
        let body = |nonce: &str| json!({ "id_token": key.sign(&claims), "nonce": nonce });

        server.call("POST", "/link", &guest.refresh, body("another")).await.assert_refused(403, "invalid_id_token");
        let response = server.call("POST", "/link", &guest.refresh, body("n-0S6_WzA2Mj")).await;
        response.assert_member(&user_id(&guest.id), "registered", false);
    }
}

#[tokio::test]
async fn c18_a_server_that_requires_hashed_nonces_refuses_a_token_whose_nonce_is_in_it() {
    let issuer = Issuer::start().await;
    let key = SigningKey::es256("first");
    issuer.publish(&[key.jwk()]);
    let server = Server::open_with(|config| {
        config.oidc_issuers = vec![issuer.setting().parse().unwrap()];
        config.require_hashed_nonce = true;
    })
    .await;
    let guest = server.anonymous_login().await;
    let call = async |in_token: Option<&str>, sent: Option<&str>| {
        let mut claims = issuer.claims("ada", server.clock.secs());
        if let Some(nonce) = in_token {
            claims["nonce"] = nonce.into();
        }
        let mut body = json!({ "id_token": key.sign(&claims) });
        if let Some(nonce) = sent {
            body["nonce"] = nonce.into();
        }
        server.call("POST", "/link", &guest.refresh, body).await
    };

    for hashed in HASHED {
        // A thief can read the hash from the token.
        call(Some(hashed), Some(hashed)).await.assert_refused(403, "invalid_id_token");
    }
    call(Some("n-0S6_WzA2Mj"), Some("n-0S6_WzA2Mj")).await.assert_refused(403, "invalid_id_token");
    call(None, None).await.assert_refused(403, "invalid_id_token");
    call(Some(HASHED[0]), None).await.assert_refused(403, "invalid_id_token");
    let response = call(Some(HASHED[0]), Some("n-0S6_WzA2Mj")).await;
    response.assert_member(&user_id(&guest.id), "registered", false);
}
