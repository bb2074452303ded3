//! Proof of work at `/anonymous-login`: the challenge, its solution as in `docs/api.md`, and the use of a proof for one guest

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guestpass_server::{Config, KeyAdmin, ProofOfWork};
use serde_json::{Value, json};

use crate::support::wait::until;
use crate::support::{MINUTE, Response, SECOND, Server, anonymous_login, from_peer, get};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";
const OTHER_KEY: &str = "another-key-of-128-bits";
const PROOF: &str = "proof-of-work";

async fn server() -> Server {
    server_with(|_| {}).await
}

async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        config.login_proof = ProofOfWork::Cost(3);
        change(config);
    })
    .await
}

/// The login request of the SDK, which asks for a refresh token.
fn sdk_login(key: Option<&str>, proof: Option<&str>) -> Request<Body> {
    let mut request = anonymous_login(Some(json!({ "refresh": true })), key);
    if let Some(proof) = proof {
        request.headers_mut().insert(PROOF, proof.parse().unwrap());
    }
    request
}

/// The challenge in a 428 response, which requires a proof.
fn challenge_of(response: &Response) -> Value {
    response.assert_problem(428);
    assert_eq!(response.json()["code"], "proof_required", "{response:?}");
    response.json()["challenge"].clone()
}

/// Solves a challenge as a client does, without code of the server or of the library that the server uses.
fn solve(challenge: &Value) -> Value {
    let parameters = &challenge["parameters"];
    assert_eq!(parameters["algorithm"], "PBKDF2/SHA-256");
    let bytes = |name: &str| from_hex(parameters[name].as_str().unwrap());
    let number = |name: &str| u32::try_from(parameters[name].as_u64().unwrap()).unwrap();
    let (nonce, salt, prefix) = (bytes("nonce"), bytes("salt"), bytes("keyPrefix"));
    let mut key = vec![0; number("keyLength") as usize];
    for counter in 0_u32.. {
        let password = [nonce.as_slice(), &counter.to_be_bytes()].concat();
        let cost = NonZeroU32::new(number("cost")).unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, cost, &salt, &password, &mut key);
        if key.starts_with(&prefix) {
            let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            return json!({ "counter": counter, "derivedKey": key });
        }
    }
    panic!("there is no solution")
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The value of the `Proof-Of-Work` header.
fn proof(challenge: &Value, solution: &Value) -> String {
    STANDARD.encode(json!({ "challenge": challenge, "solution": solution }).to_string())
}

/// A proof for a login with this idempotency key.
async fn proof_for(server: &Server, key: Option<&str>) -> String {
    let challenge = challenge_of(&server.send(sdk_login(key, None)).await);
    proof(&challenge, &solve(&challenge))
}

fn guests(server: &Server) -> i64 {
    server.number("SELECT count(*) FROM anonymous_user")
}

#[tokio::test]
async fn a_login_succeeds_with_a_solved_challenge() {
    let server = server().await;
    for (body, key) in
        [(None, None), (Some(json!({ "refresh": true })), None), (Some(json!({ "refresh": true })), Some(KEY))]
    {
        let without_proof = server.send(anonymous_login(body.clone(), key)).await;
        let challenge = challenge_of(&without_proof);
        assert!(without_proof.json()["detail"].as_str().unwrap().contains("Proof-Of-Work"), "{without_proof:?}");

        let mut again = anonymous_login(body, key);
        again.headers_mut().insert(PROOF, proof(&challenge, &solve(&challenge)).parse().unwrap());
        let response = server.send(again).await;

        assert_eq!(response.status, 200, "{response:?}");
    }
    assert_eq!(guests(&server), 3);
}

#[tokio::test]
async fn no_proof_is_required_by_default() {
    let server = Server::open().await;

    assert_eq!(server.send(sdk_login(None, None)).await.status, 200);
    assert_eq!(server.send(sdk_login(None, Some("anything"))).await.status, 200);
}

#[tokio::test]
async fn one_proof_creates_one_guest_however_often_it_is_used() {
    let server = server().await;
    let (with_key, without) = (proof_for(&server, Some(KEY)).await, proof_for(&server, None).await);

    for (key, proof) in [(Some(KEY), with_key), (None, without)] {
        let first = server.send(sdk_login(key, Some(&proof))).await.tokens();
        let responses = server.send_concurrently(16, || sdk_login(key, Some(&proof))).await;
        for response in responses {
            assert_eq!(response.tokens().id, first.id);
        }
    }

    assert_eq!(guests(&server), 2);
}

#[tokio::test]
async fn a_proof_used_again_after_a_restart_or_a_refresh_creates_no_second_guest() {
    let server = server().await;
    let proof = proof_for(&server, None).await;
    let first = server.send(sdk_login(None, Some(&proof))).await.tokens();

    let server = server.restart().await;
    assert_eq!(server.send(sdk_login(None, Some(&proof))).await.tokens().id, first.id);
    server.refresh(&first.refresh).await.tokens();

    server.send(sdk_login(None, Some(&proof))).await.assert_problem(409);
    assert_eq!(guests(&server), 1);
}

#[tokio::test]
async fn up_to_ten_retries_of_an_accepted_login_need_no_proof() {
    let server = server().await;
    let proof = proof_for(&server, Some(KEY)).await;
    let guest = server.send(sdk_login(Some(KEY), Some(&proof))).await.tokens().id;

    for _ in 0..10 {
        assert_eq!(server.send(sdk_login(Some(KEY), None)).await.tokens().id, guest);
    }

    challenge_of(&server.send(sdk_login(Some(KEY), None)).await);
    challenge_of(&server.send(sdk_login(Some(OTHER_KEY), None)).await);
}

#[tokio::test]
async fn an_invalid_proof_gets_a_new_challenge() {
    let server = server().await;
    let challenge = challenge_of(&server.send(sdk_login(Some(KEY), None)).await);
    let solution = solve(&challenge);
    let with = |pointer: &str, value: Value| {
        let mut payload = json!({ "challenge": challenge, "solution": solution });
        *payload.pointer_mut(pointer).unwrap() = value;
        STANDARD.encode(payload.to_string())
    };
    let valid = proof(&challenge, &solution);
    let mut unsigned = challenge.clone();
    unsigned.as_object_mut().unwrap().remove("signature");
    let mut without_expiry = challenge.clone();
    without_expiry["parameters"].as_object_mut().unwrap().remove("expiresAt");
    let of_another_server = proof_for(&self::server().await, Some(KEY)).await;
    let without_key = proof_for(&server, None).await;

    for (name, key, proof) in [
        ("another key", Some(OTHER_KEY), valid.as_str()),
        ("no key", None, &valid),
        ("of a login without a key", Some(KEY), &without_key),
        ("of another server", Some(KEY), &of_another_server),
        ("unsigned", Some(KEY), &proof(&unsigned, &solution)),
        ("no expiry", Some(KEY), &proof(&without_expiry, &solution)),
        ("another expiry", Some(KEY), &with("/challenge/parameters/expiresAt", json!(9_999_999_999_u64))),
        ("less work", Some(KEY), &with("/challenge/parameters/cost", json!(1))),
        ("an easier prefix", Some(KEY), &with("/challenge/parameters/keyPrefix", json!(""))),
        ("another signature", Some(KEY), &with("/challenge/signature", json!("00"))),
        ("another counter", Some(KEY), &with("/solution/counter", json!(solution["counter"].as_u64().unwrap() + 1))),
        ("another key of the counter", Some(KEY), &with("/solution/derivedKey", json!("00".repeat(32)))),
        ("no key of the counter", Some(KEY), &with("/solution/derivedKey", json!("zz"))),
        ("no base64", Some(KEY), "not base64!"),
        ("no JSON", Some(KEY), &STANDARD.encode("{")),
        ("other JSON", Some(KEY), &STANDARD.encode("[]")),
        (
            "too long",
            Some(KEY),
            &STANDARD
                .encode(json!({ "challenge": challenge, "solution": solution, "x": "x".repeat(4000) }).to_string()),
        ),
        ("empty", Some(KEY), ""),
    ] {
        let response = server.send(sdk_login(key, Some(proof))).await;
        assert_eq!(response.status, 428, "{name}: {response:?}");
        assert_ne!(challenge_of(&response), challenge, "{name}");
    }

    assert_eq!(guests(&server), 0);
    assert_eq!(
        server.send(sdk_login(Some(KEY), Some(&valid))).await.status,
        200,
        "the unchanged proof is still accepted"
    );
}

#[tokio::test]
async fn a_challenge_is_valid_for_five_minutes_of_server_time() {
    let server = server().await;
    let (valid, expired) = (proof_for(&server, None).await, proof_for(&server, Some(KEY)).await);

    server.clock.advance(5 * MINUTE - SECOND);
    assert_eq!(server.send(sdk_login(None, Some(&valid))).await.status, 200);
    server.clock.advance(SECOND);

    challenge_of(&server.send(sdk_login(Some(KEY), Some(&expired))).await);
    challenge_of(&server.send(sdk_login(None, Some(&valid))).await);
    assert_eq!(guests(&server), 1);
}

#[tokio::test]
async fn requests_for_a_challenge_do_not_count_and_a_proof_does_not_raise_the_limit() {
    let server = server_with(|config| config.login_rate_total = "1/1h".parse().unwrap()).await;
    for _ in 0..5 {
        challenge_of(&server.send(sdk_login(None, None)).await);
    }
    let (first, second) = (proof_for(&server, None).await, proof_for(&server, None).await);

    assert_eq!(server.send(sdk_login(None, Some(&first))).await.status, 200);
    server.send(sdk_login(None, Some(&second))).await.assert_problem(429);
    let wrong = server.send(sdk_login(None, Some("AAAA"))).await;

    challenge_of(&wrong);
}

#[tokio::test]
async fn a_challenge_stays_valid_after_a_key_rotation_and_on_every_node() {
    let server = server().await;
    let proof = proof_for(&server, None).await;
    let admin = KeyAdmin::open_at(server.location(), server.clock.clone()).await.unwrap();
    admin.rotate(10 * SECOND).await.unwrap();
    let published = || async { server.send(get("/.well-known/jwks.json")).await.json()["keys"][1].is_object() };
    until("the server knows the new keys", published).await;
    server.clock.advance(11 * SECOND);

    // A node that starts after the challenge was issued shares only the keys with the first node.
    let server = server.restart().await;
    let response = server.send(sdk_login(None, Some(&proof))).await;

    assert_eq!(response.status, 200, "{response:?}");
    admin.close().await;
}

#[tokio::test]
async fn s14_wrong_solutions_of_one_network_are_limited_and_right_ones_do_not_count() {
    let server = server().await;
    let challenge = challenge_of(&server.send(sdk_login(Some(KEY), None)).await);
    let mut solution = solve(&challenge);
    let right = proof(&challenge, &solution);
    solution["derivedKey"] = "00".repeat(32).into();
    let wrong = proof(&challenge, &solution);
    let send = async |peer: &str, proof: &str| server.send(from_peer(peer, sdk_login(Some(KEY), Some(proof)))).await;
    // Requests that are refused before the solution is checked do not count.
    for _ in 0..5 {
        challenge_of(&send("203.0.113.7", "AAAA").await);
    }
    for _ in 0..300 {
        challenge_of(&send("203.0.113.7", &wrong).await);
    }

    let refused = send("203.0.113.7", &wrong).await;

    refused.assert_problem(429);
    assert_eq!(refused.header("retry-after"), "2");
    assert!(refused.json()["detail"].as_str().unwrap().contains("wrong solutions"), "{refused:?}");
    assert_eq!(send("203.0.113.8", &right).await.status, 200, "another network");
    server.clock.advance(2 * SECOND);
    let others = [proof_for(&server, None).await, proof_for(&server, None).await];
    for proof in others {
        let response = server.send(from_peer("203.0.113.7", sdk_login(None, Some(&proof)))).await;
        assert_eq!(response.status, 200, "{response:?}");
    }
}
