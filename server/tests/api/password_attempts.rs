//! Wrong passwords from many networks, and the networks from which a member has signed in

use axum::http::StatusCode;
use guestpass_server::Config;

use crate::support::membership::{EMAIL, PASSWORD, credentials, new_member, register};
use crate::support::{DAY, Response, SECOND, Server, authorized, from_peer};

const HOME: &str = "203.0.113.7";
const WRONG: &str = "wrong horse battery staple";

/// A server that admits one wrong password from each network and ten from all networks, with a member who has registered from
/// `HOME`.
async fn server() -> Server {
    let one = |config: &mut Config| config.password_rate = "1/15m".parse().unwrap();
    let server = Server::open_with(one).await;
    let member = server.anonymous_login().await;
    assert_eq!(server.send(from_peer(HOME, register(&member.refresh))).await.status, 200);
    server
}

async fn log_in(server: &Server, peer: &str, password: &str) -> Response {
    let guest = server.anonymous_login().await;
    let request = authorized("POST", "/login", &guest.refresh, Some(credentials(EMAIL, password)));
    server.send(from_peer(peer, request)).await
}

/// Uses up the limit of all networks together.
async fn guess_from_ten_networks(server: &Server) {
    for network in 0..10 {
        let guess = log_in(server, &format!("2001:db8:{network}::1"), WRONG).await;
        guess.assert_refused(403, "invalid_credentials");
    }
    let refused = log_in(server, "2001:db8:a::1", WRONG).await;
    refused.assert_problem(429);
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["account-total"]));
}

#[tokio::test]
async fn s14_guesses_from_many_networks_do_not_lock_the_member_out_of_a_known_network() {
    let server = server().await;
    guess_from_ten_networks(&server).await;

    assert_eq!(log_in(&server, HOME, PASSWORD).await.status, StatusCode::OK);
    log_in(&server, "198.51.100.1", PASSWORD).await.assert_problem(429);

    // Other nodes and later starts know the network too.
    let server = server.restart().await;
    guess_from_ten_networks(&server).await;
    assert_eq!(log_in(&server, HOME, PASSWORD).await.status, StatusCode::OK);
    // Guesses are limited there as well.
    log_in(&server, HOME, WRONG).await.assert_refused(403, "invalid_credentials");
    let refused = log_in(&server, HOME, PASSWORD).await;
    refused.assert_problem(429);
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    server.clock.advance(wait * SECOND);
    assert_eq!(log_in(&server, HOME, PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn s14_all_networks_of_an_ipv6_48_together_have_the_limit_of_one_client() {
    let server = server().await;
    log_in(&server, "2001:db8:1:1::1", WRONG).await.assert_refused(403, "invalid_credentials");

    for network in 2..20 {
        let refused = log_in(&server, &format!("2001:db8:1:{network}00::1"), WRONG).await;
        refused.assert_problem(429);
        assert_eq!(refused.json()["violated-policies"], serde_json::json!(["account"]));
    }

    assert_eq!(log_in(&server, "198.51.100.1", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn s14_logins_with_the_right_password_do_not_count() {
    let server = server().await;

    for _ in 0..5 {
        assert_eq!(log_in(&server, "198.51.100.1", PASSWORD).await.status, StatusCode::OK);
    }

    // One by the limit of any network, one by that of a network from which the member has signed in.
    for _ in 0..2 {
        log_in(&server, "198.51.100.1", WRONG).await.assert_refused(403, "invalid_credentials");
    }
    log_in(&server, "198.51.100.1", PASSWORD).await.assert_problem(429);
}

#[tokio::test]
async fn s14_few_networks_of_a_member_are_kept_for_a_limited_time_and_none_after_an_erasure() {
    let server = Server::open().await;
    new_member(&server).await;
    let networks = || server.number("SELECT count(*) FROM known_network");
    assert_eq!(networks(), 0, "the support of the tests gives no address");

    for network in 0..12 {
        server.clock.advance(SECOND);
        let peer = format!("198.51.100.{network}");
        for _ in 0..2 {
            assert_eq!(log_in(&server, &peer, PASSWORD).await.status, StatusCode::OK);
        }
    }

    assert_eq!(networks(), 10);
    server.clock.advance(89 * DAY);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(networks(), 10);
    server.clock.advance(DAY + SECOND);
    server.guestpass().sweep().await.unwrap();
    assert_eq!(networks(), 0);
    let member = log_in(&server, HOME, PASSWORD).await.tokens();
    assert_eq!(networks(), 1);
    assert_eq!(server.call("DELETE", "/me", &member.refresh, serde_json::json!({})).await.status, 204);
    assert_eq!(networks(), 0);
}
